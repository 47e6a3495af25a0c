// Keeps <time data-ago> fresh. The rule is that of the template filter "ago".
const MINUTE = 60, HOUR = 3600, DAY = 86_400, WEEK = 604_800;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

export function wordsAgo(moment, now) {
  const seconds = (now - moment) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 45) return "now";
  if (distance >= WEEK) {
    const day = `${moment.getUTCDate()} ${MONTHS[moment.getUTCMonth()]}`;
    return moment.getUTCFullYear() === now.getUTCFullYear() ? day : `${day} ${moment.getUTCFullYear()}`;
  }
  const words =
    distance < HOUR - 30 ? `${Math.max(1, Math.round(distance / MINUTE))} min` :
    distance < DAY - HOUR / 2 ? `${Math.round(distance / HOUR)} h` :
    `${Math.round(distance / DAY)} d`;
  return seconds > 0 ? words : `in ${words}`;
}

function refresh() {
  const now = new Date();
  for (const element of document.querySelectorAll("time[data-ago]")) {
    const words = wordsAgo(new Date(element.dateTime), now);
    if (element.textContent !== words) element.textContent = words;
  }
}

setInterval(refresh, 15_000);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
