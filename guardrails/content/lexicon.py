"""Words that a filter must know to see them. They stand here to be recognised, and for nothing else.

From general knowledge of English; each list is short on purpose: what is on it is hardly ever meant well when it is
aimed at somebody. Inflections are written out.
"""

from __future__ import annotations


def listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


# Of groups of people: as an insult, whatever stands around them.
SLURS = listed(
    "nigger nigga niggers niggas kike kikes spic spics chink chinks gook gooks wetback wetbacks raghead ragheads "
    "towelhead towelheads sandnigger coon coons faggot faggots fag fags tranny trannies shemale dyke dykes retard "
    "retards retarded paki pakis beaner beaners gypo gyppo jigaboo porchmonkey darkie darkies zipperhead injun "
    "redskin halfbreed mongoloid libtard libtards feminazi feminazis golliwog goyim shylock muzzie muzzies "
    "sandmonkey cunt cunts"
)
GROUPS = (
    r"(?:jews?|muslims?|islam|blacks?|whites?|asians?|arabs?|mexicans?|immigrants?|refugees?|foreigners?|gays?|"
    r"lesbians?|homosexuals?|trans(?:gender)?s?(?: people)?|women|men|christians?|hindus?|indians?|chinese|"
    r"africans?|latinos?|hispanics?|disabled(?: people)?|gypsies|roma|catholics?|females?|males?|liberals?|"
    r"republicans?|democrats?|poles?|turks?|russians?)"
)
VERMIN = (
    r"(?:vermin|cockroach(?:es)?|subhuman\w*|scum|parasites?|animals?|rats?|apes?|monkeys?|filth|trash|garbage|disease|cancer|"
    r"plague|inferior|criminals|rapists|thieves|savages|pigs|dogs|evil|disgusting|terrorists|a disease|sick)"
)
INSULTS = listed(
    "idiot idiots moron morons imbecile imbeciles dumbass dumbasses asshole assholes arsehole arseholes bastard "
    "bastards bitch bitches dickhead dickheads prick pricks twat twats wanker wankers douche douchebag douchebags "
    "jackass shithead shitheads fuckwit fuckwits fucktard fucker fuckers motherfucker motherfuckers cocksucker "
    "cocksuckers scumbag scumbags loser losers dimwit dimwits halfwit nitwit numbskull cretin cretins slut sluts "
    "whore whores skank hoe hoes degenerate lowlife dipshit dumbfuck shitbag shitstain asswipe tosser tossers "
    "knobhead bellend pillock simpleton airhead jerk jerks clown clowns pig pigs creep freak freaks trash garbage "
    "scum parasite imbecilic braindead brainless worthless pathetic useless stupid dumb ignorant incompetent "
    "retarded disgusting ugly fat"
)
# Of these a bare "you are" makes an insult; the others above need no more than to stand at a person.
MILD = frozenset(
    listed(
        "braindead brainless clown clowns creep degenerate disgusting dumb fat freak freaks garbage ignorant "
        "imbecilic incompetent jerk jerks loser losers parasite pathetic pig pigs scum stupid trash ugly useless "
        "worthless"
    )
)
PROFANITY = listed(
    "fuck fucks fucked fucking fuckin fucker fuckers motherfucker motherfuckers motherfucking shit shits shitty "
    "shitting bullshit horseshit shithead shitheads ass asses asshole assholes arse arsehole arseholes bitch "
    "bitches bitching bastard bastards crap crappy damn goddamn dick dicks dickhead dickheads cock cocks "
    "cocksucker cocksuckers pussy pussies cunt cunts twat twats wank wanker wankers piss pissed prick pricks slut "
    "sluts whore whores bollocks bugger tosser tits titties boobs dumbass dumbasses jackass fag fags faggot "
    "faggots nigger niggers nigga niggas"
)
SEXUAL = listed(
    "porn porno pornhub pornographic blowjob blowjobs handjob handjobs cumshot cum cumming jizz dildo dildos "
    "orgasm orgasms masturbate masturbates masturbating masturbation horny milf nudes hentai deepthroat gangbang "
    "threesome fisting creampie bukkake pussy pussies cock cocks tits titties boobs penis vagina clit clitoris "
    "erection boner ejaculate ejaculation anal fellatio cunnilingus"
)
