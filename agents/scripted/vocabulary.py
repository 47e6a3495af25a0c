"""The words that the scripted model knows: bases by concept, phrases by concept, and everyday words to leave alone."""

# A concept is what a word says about the customer's wish. A base may stand under several concepts.
CONCEPTS: dict[str, str] = {
    "REFUND": "refund reimburse reimbursement rebate compensate compensation restitution repay repayment chargeback "
    "refundable reimbursable moneyback cashback",
    "RETURN": "return returnable",
    "ORDER": "order purchase",
    "PARCEL": "parcel package item product article shipment delivery goods box",
    "TRACK": "track trace locate find whereabouts",
    "STATUS": "status eta progress",
    "CHECK": "check see view look show",
    "CANCEL": "cancel cancellation cancelation revoke",
    "TERMINATION": "termination terminate withdrawal withdraw exit",
    "FEE": "fee charge penalty cost price surcharge",
    "POLICY": "policy guarantee rule terms circumstance eligible refundable reimbursable",
    "HUMAN": "human person agent operator representative rep assistant advisor adviser staff employee manager "
    "supervisor colleague",
    "SOMEONE": "someone somebody anyone anybody people",
    "CONTACT": "speak talk chat contact call phone telephone reach connect transfer ring direct email mail hotline",
    "HOURS": "hour",
    "CLAIM": "complaint complain claim reclamation grievance",
    "LODGE": "lodge file make submit raise register open",
    "ANGER": "unhappy dissatisfied disappointed disappointing terrible awful horrible worst unacceptable angry furious "
    "upset rude scam disgusting ridiculous bad useless annoyed frustrated outrageous appalling poor",
    "FAULT": "broken damaged damage defective faulty cracked torn scratched incomplete leaking smashed chipped defect",
    "CHANGE": "change edit modify modification update correct correction switch swap remove add alter replace amend "
    "delete exchange adjust",
    "EXCHANGE": "exchange",
    "MISTAKE": "wrong mistake incorrect old outdated moved move",
    "ADDRESS": "address postcode zip street",
    "PAYMENT": "payment pay paid card checkout paypal transaction billing visa mastercard",
    "PROBLEM": "problem issue trouble error fail failure failed decline reject glitch difficulty cannot unable",
    "REPORT": "report inform notify solve resolve",
    "DELIVERY": "delivery deliver ship shipping shipment dispatch courier",
    "OPTION": "option method offer available choose choice alternative express way",
    "WHEN": "when period duration date",
    "ARRIVE": "arrive arrival come receive received",
    "EXPECT": "expect await wait pending process processed owe owed due",
    "LATE": "late delay delayed lost missing overdue",
    "WANT": "want need like require wish demand request ask obtain get receive help assist assistance please",
    "TOPIC": "warranty gift discount voucher coupon promo promotion invoice receipt password account newsletter "
    "subscription subscribe stock size store catalogue loyalty points sell sustainable vegan repair manual job career "
    "wholesale brand",
    "GREETING": "hi hello hey hiya howdy greetings morning afternoon evening",
    "THANKS": "thanks thank cheers thankful grateful perfect brilliant",
    "BYE": "bye goodbye farewell cya",
    "ROBOT": "robot bot chatbot",
}

# Patterns over the mended, lower-case text with single blanks.
PHRASES: dict[str, str] = {
    "REFUND": r"money back|my money|back my money|cash back",
    "RETURN": r"(send|sending|sent|give|giving|bring|bringing|ship|take) (it|this|that|them|these|those|everything|one|"
    r"(the|my) \w+)? ?back",
    "CANCEL": r"call off|no longer (want|need|afford)|can not afford|"
    r"(do not|did not) (want|need) (\w+ ){0,3}(order|purchase|item|product|article)|do not send",
    "TERMINATION": r"early exit",
    "POLICY": r"in (what|which)|under (what|which)|allowed to|how many days (do|have) i",
    "SERVICE": r"(customer|client|consumer|user) (service|services|support|assistance|care|help|helpline|hotline)|"
    r"help ?desk|call (center|centre)|(support|service) (team|line|staff|desk)|contact (you|support)|phone number|"
    r"(talk|speak) (to|with) (you|support)",
    "HUMAN": r"(real|actual|live|living) (one|human|person|agent|chat|people)|flesh and blood|not a (bot"
    r"|robot|machine)",
    "CONTACT": r"get (in touch|hold|through)|in touch|put me (through|on)|hand me (over|off)|pass me|escalate",
    "HOURS": r"(what|which) (time|times|hours?|days?)|opening (times?|hours?)|business hours|working hours",
    "FEE": r"how much (is|are|does|do|will|for) (\w+ ){0,3}(cost|shipping|delivery|postage|shipment|cancel\w*)",
    "HOWLONG": r"how (long|soon|fast|quick|quickly|many (days|weeks))|time frame|timeframe|"
    r"(delivery|shipping|shipment|lead) times?",
    "TAKE": r"\b(take|takes|taking)\b",
    "WHERE": r"where (is|are|was|has|in the world)|where my|what happened (to|with)|any (news|update|updates)|"
    r"anything new|is there news",
    "LATE": r"(not|never) (yet |even |been |actually )*(arrived?|received?|come|came|here|delivered|showed"
    r"|shown|turned|got|gotten)"
    r"|still (not|waiting)|not here yet|has not (arrived|come)|did not (arrive|come|show|turn|receive|get)",
    "FAULT": r"wrong (item|product|article|size|colou?r|order|thing|one)|(part|parts|piece|pieces|item"
    r"|items|something) "
    r"(is |are |was |were )?missing|missing (a |an |some )?(part|parts|piece|pieces|item|items|from)|does not work|"
    r"not working|stopped working|not as described|fell apart",
    "SHORT": r"(part|parts|piece|pieces|item|items|something) (is |are |was |were )?missing|"
    r"missing (a |an |some |one )?(part|parts|piece|pieces|item|items|from)|incomplete",
    "EXPECT": r"(went|gone|go) (out|through)|(been|was|were|get|got) (made|issued|sent|paid|done|refunded"
    r"|reimbursed)\b|"
    r"about (my|the|a) (refund|reimbursement|rebate|compensation)\b",
    "UNWANTED": r"do not (want|need|like) (it|this|that|them|these|those)\b|(does|do|did) not fit|"
    r"(is|are|was|were) (much |way |far |a bit )?too (small|big|large|tight|loose|long|short)",
    "WHENIT": r"when (will|is|does|do|can|are) (it|they|this|that|i get it|i receive it)\b",
    "MINE": r"\b(my|mine)\b|\bi (ordered|bought)\b",
    "HISTORY": r"order history|(list|show|see) (me )?(all )?(of )?(my )?(recent |past |last )?(orders|purchases)|"
    r"what (did|have) i (order|buy|bought|ordered)|which orders",
    "TWICE": r"(charged|billed|paid|payed|debited) (me )?(two times|twice|double|again)|double (charge"
    r"|charged|payment)",
    "HOWAREYOU": r"how are you|how do you do|how is it going|how are things|how have you been|what is up|you ok",
    "BYE": r"good ?bye|see you|have a (nice|good|great)|that is (all|it|everything)|nothing else|no more questions",
    "THANKS": r"much appreciated|nice one|great help|very helpful|well done",
    "ASKROBOT": r"(are|is) (you|this|it) (really |actually |even |just )?(an? |the )?(real |live |actual "
    r"|automated |scripted )?"
    r"(robot|bot|ai|a i|chatbot|machine|computer|program|human|person|real|automated|artificial|man|woman|gpt|chatgpt|"
    r"claude)|(am|are) (i|we) (talking|speaking|chatting|writing|typing) (to|with) (an? )?(real |live |actual )?"
    r"(robot|bot|ai|chatbot|machine|computer|program|human|person|someone|somebody)|what are you\b|who are you\b|"
    r"are you real",
    "PLACE": r"(deliver|delivery|deliveries|delivering|ship|ships|shipping|shipment|shipments|send) "
    r"(\w+ )?(to|in|into|within|outside) (?!me\b|my\b|see\b|check\b|choose\b|arrive\b|come\b|get\b|be\b"
    r"|reach\b|the address|a different|another|find\b)"
    r"|(order|orders|purchase|buy|shop) (\w+ )?(from|in) (?!you\b|your\b|last\b|the\b|my\b|this\b|a\b)[a-z]"
    r"|abroad|overseas|"
    r"international(ly)?|worldwide|to (my|our) country",
}

# Words that are right as they stand, so that the spelling repair leaves them alone (and may repair towards them).
EVERYDAY = set(
    """
a about above account after again against ago all almost already also always am an and another any anyone anything are
around as at away back bad be because been before began being believe below best better between big black blue book
both bought brought brown bring business but buy by call called came can cannot care cart cash cat cause chance city
clear close closed clothes coat cold colour color could country couple customer client consumer day days deal did
different do does dog doing done door down dress during each early easy either else email end enough euro euros dollar
dollars pound pounds even evening ever every everyone everything exactly example eye fact family far fast few fill
final finally fine first fit five follow for form four free friday friend from front full fun funny game gave general
give given glad go god going gone good got gotten great green group guess guy had half hand happen happened happy hard
has hat have having he head headphones hear heard heart her here high him his hold home hope house how however hundred
i idea if important in inside instead into is it its jacket january february march april may june july august september
october november december jeans job just keep kettle key kids kind knew know lamp large last later latest learn least
leave left less let letter life light line link list listen little live load local log login long longer look lose lot
love low made main make man many matter maybe me mean means meant message might mind mine minute minutes miss missed
moment monday money month months more most much mug must my name near never new newest news next nice night no nobody
none nope normal not note nothing now number oclock of off often oh ok okay old oldest on once one online only open or
other our out outside over own page pair part party past path pen phone pick picture piece place plan plant play point
possible post pretty probably put question quick quickly quite rain rather reach read ready real really reason recent
recently red regards remember rest right road room run said same saturday save say saw second seem seen sell send sent
set seven several shall she shirt shoe shoes shop short should side sign similar simple since sir sit six small so sold
some something sometimes somewhere soon sorry sort sound start stay step still stood stop story street stuff such
sunday sure table take taken takes talk team tell ten than that the their them then there these they thing things think
third this those though thought thousand three through thursday till time times tired to today together told tomorrow
tonight too took top touch toward town tree tried try trying tuesday turn two type under understand until up upon us
use used usually very via wait walk wall was watch water way we wear weather website wednesday week weekend weeks well
went were what whatever where whether which while white who whole whom whose why will win window winter with within
without woman wonder word words work world worse worth would write wrong wrote yeah year years yellow yep yes yesterday
yet you young your yours yourself zero info information advice agree anymore apart article articles assume available
aware basically bag battery bike bill blanket bottle cable camera chair charger cheap cheaper cup damn desk expensive
fair figure fridge gift glass goddamn fucking fuck bloody shit hell guarantee hi hurry interested keyboard laptop
mistake mouse pan pants paper pillow plate proper purpose reply respond ridiculous ring sandals scarf screen seriously
shelf sister brother mother father wife husband socks sofa speaker standing stupid suit support service services speed
sweater tablet tea tent toy trousers tv umbrella wallet wanted yoga mat kinds reference regarding concerning additional
circumstances charges charge brand company organization organisation experience usual able directly speaking contacting
total instructions previous system prompt ignore reveal admin instruction secret pretend approve approved manager fits
colours sizes loose tight
""".split()  # noqa: SIM905
)

# Everyday words that also name things in a shop, and words that never tell one item from another.
ITEM_WORDS = set(
    """
bag bike blanket book bottle cable camera chair charger clothes coat cup desk dress fridge glass glove hat headphone
headphones jacket jeans kettle keyboard lamp laptop mat mouse mug pan pants paper pen phone picture pillow plate rain
sandals scarf screen shelf shirt shoe shoes socks sofa speaker suit sweater table tablet tent toy trousers tv umbrella
wallet watch yoga
""".split()  # noqa: SIM905
)
NOT_ITEM_WORDS = {"order", "item", "product", "article", "purchase", "refund", "return", "set", "pack", "card", "case"}

CONTRACTIONS: dict[str, str] = {
    "dont": "do not",
    "don't": "do not",
    "doesn't": "does not",
    "doesnt": "does not",
    "didn't": "did not",
    "didnt": "did not",
    "can't": "cannot",
    "cant": "cannot",
    "canty": "cannot",
    "couldn't": "cannot",
    "couldnt": "cannot",
    "won't": "will not",
    "wont": "will not",
    "isn't": "is not",
    "isnt": "is not",
    "aren't": "are not",
    "arent": "are not",
    "wasn't": "was not",
    "hasn't": "has not",
    "hasnt": "has not",
    "haven't": "have not",
    "havent": "have not",
    "i'm": "i am",
    "im": "i am",
    "i've": "i have",
    "ive": "i have",
    "i'd": "i would",
    "i'll": "i will",
    "it's": "it is",
    "that's": "that is",
    "thats": "that is",
    "what's": "what is",
    "whats": "what is",
    "where's": "where is",
    "wheres": "where is",
    "when's": "when is",
    "how's": "how is",
    "hows": "how is",
    "you're": "you are",
    "youre": "you are",
    "there's": "there is",
    "u": "you",
    "ya": "you",
    "ur": "your",
    "r": "are",
    "wanna": "want to",
    "gonna": "going to",
    "gotta": "have to",
    "gimme": "give me",
    "lemme": "let me",
    "pls": "please",
    "plz": "please",
    "thx": "thanks",
    "ty": "thanks",
    "tnx": "thanks",
    "ta": "thanks",
    "msg": "message",
    "e-mail": "email",
    "wnat": "want",
    "wnt": "want",
    "teh": "the",
    "cust": "customer",
    "cs": "customer service",
}
