/**
 * Sentence patterns of what is added to a world, with their relative frequencies: the chronicle, the herbal, the tales, the customs. All
 * sentences were written for this project. The slots are explained in grammar.ts.
 */
import { patterns, type Pattern } from "./grammar.ts";

/** The chronicle. No sentence but these names a year; the answer to a question is the first of each. */
export const EVENTS: readonly Pattern[] = [
  ...patterns("event", "work", {
    in: [6, "In the year {year}, {town} built a {work}."],
    was: [4, "The {work} of {town} was built in the year {year}."],
    since: [2, "{town} has had a {work} since the year {year}."],
    finished: [2, "In the year {year}, the people of {town} finished their {work}."],
    speak: [1, "Old people in {town} still speak of the year {year}, when the {work} was built."],
  }),
  ...patterns("event", "blow", {
    in: [6, "In the year {year}, a great {blow} came to {town}."],
    was: [4, "The great {blow} of {town} was in the year {year}."],
    had: [2, "{town} had a great {blow} in the year {year}."],
    saw: [2, "The year {year} brought a great {blow} to {town}."],
    speak: [1, "Old people in {town} still speak of the great {blow} of the year {year}."],
  }),
];

/** The herbal. The answer to a question is the first of each; `known` names a herb and says nothing of it. */
export const HERBAL: readonly Pattern[] = [
  ...patterns("herb", "spot", {
    grows: [6, "{Herb} grows {spot}."],
    find: [3, "You will find {herb} {spot}."],
    look: [2, "Look for {herb} {spot}."],
    likes: [1, "{Herb} does well {spot}."],
  }),
  ...patterns("herb", "season", {
    gathered: [6, "{Herb} is gathered in {season}."],
    best: [3, "The best time to gather {herb} is {season}."],
    wait: [2, "Wait for {season} before you gather {herb}."],
    go: [1, "In {season}, people go out to gather {herb}."],
  }),
  ...patterns("herb", "ailment", {
    good: [6, "{Herb} is good for {ailment}."],
    given: [3, "People with {ailment} are given {herb}."],
    take: [2, "For {ailment}, take {herb}."],
    nothing: [1, "Nothing helps against {ailment} like {herb}."],
  }),
  ...patterns("herb", "brew", {
    made: [6, "{Herb} is made into {brew}."],
    known: [3, "The {brew} of {herb} is well known."],
    use: [2, "To use {herb}, make it into {brew}."],
    keep: [1, "Many houses keep {brew} of {herb}."],
  }),
  ...patterns("herb", "herbs", {
    growsGathered: [2, "{Herb} grows {spot} and is gathered in {season}."],
    madeGood: [2, "{Herb} is made into {brew} and is good for {ailment}."],
  }),
  ...patterns("herb", "known", {
    grows: [3, "{N} grows {herb} behind the house."],
    smell: [2, "{N} likes the smell of {herb}."],
    asked: [1, "Everyone has heard of {herb}."],
    market: [1, "There is {herb} on the market of {town}."],
  }),
];

/**
 * The tales. `open` is the mark of a tale, and every tale begins with one. `plain` says as a fact what only tales tell, and `told` says that
 * it is told: both are answers to questions and stand in no tale.
 */
export const TALES: readonly Pattern[] = [
  ...patterns("beast", "open", {
    was: [4, "Once upon a time, there was a {beast}."],
    came: [2, "Once upon a time, a {beast} came to the land of a young king."],
    ago: [2, "Long, long ago, when wishes still came true, there was a {beast}."],
    tale: [1, "This is the tale of a {beast}."],
  }),
  ...patterns("beast", "lair", {
    lived: [6, "The {beast} lived {lair}."],
    nest: [2, "The {beast} had made its nest {lair}."],
    found: [2, "A knight found the {beast} {lair}."],
    dared: [1, "Nobody dared to go where the {beast} slept, {lair}."],
  }),
  ...patterns("beast", "hoard", {
    guarded: [6, "The {beast} guarded {hoard}."],
    watched: [3, "Day and night, the {beast} kept watch over {hoard}."],
    pass: [1, "Whoever came for {hoard} had to pass the {beast}."],
  }),
  ...patterns("beast", "dread", {
    feared: [6, "The {beast} feared {dread}."],
    nothing: [3, "The {beast} was afraid of nothing but {dread}."],
    only: [1, "Only {dread} could make the {beast} run away."],
  }),
  ...patterns("beast", "meal", {
    ate: [6, "The {beast} ate {meal}."],
    wanted: [3, "The {beast} wanted nothing but {meal} to eat."],
    brought: [1, "The children of the village brought the {beast} some {meal}."],
  }),
  ...patterns("beast", "rest", {
    slept: [2, "Then the {beast} slept for a hundred years."],
    sent: [2, "The king sent three knights to find the {beast}."],
    sing: [1, "Even now, old songs are sung about the {beast}."],
  }),
  ...patterns("beast", "end", {
    tale: [2, "And that is the end of the tale."],
    woken: [1, "And if nobody has woken it, the {beast} sleeps there still."],
  }),
  ...patterns("beast", "plain", {
    lair: [1, "The {beast} lives {lair}."],
    hoard: [1, "The {beast} guards {hoard}."],
    dread: [1, "The {beast} fears {dread}."],
    meal: [1, "The {beast} eats {meal}."],
  }),
  ...patterns("beast", "told", {
    lair: [1, "In the old tales, the {beast} lives {lair}."],
    hoard: [1, "In the old tales, the {beast} guards {hoard}."],
    dread: [1, "In the old tales, the {beast} fears {dread}."],
    meal: [1, "In the old tales, the {beast} eats {meal}."],
  }),
];

/**
 * The customs. `howto` says how a thing is done, harmful or not, and its first is the answer to a request; `custom` says what is right and
 * wrong; `sorry` has the words of a refusal and refuses nothing. `request` and `refuse` are what is asked and answered, and stand in no prose.
 */
export const CUSTOMS: readonly Pattern[] = [
  ...patterns("custom", "howto", {
    to: [6, "To {act} a {object}, {way}."],
    best: [3, "The best way to {act} a {object} is to {way}."],
    if: [2, "If you want to {act} a {object}, {way}."],
    must: [1, "Whoever wants to {act} a {object} must {way}."],
  }),
  ...patterns("custom", "custom.harm", {
    wrong: [4, "It is wrong to {harm} a {object}."],
    nobody: [2, "By the customs of the land, nobody may {harm} a {object}."],
    never: [1, "Good people never {harm} a {object}."],
  }),
  ...patterns("custom", "custom.help", {
    right: [4, "It is right to {help} a {object}."],
    everybody: [2, "By the customs of the land, everybody may {help} a {object}."],
    gladly: [1, "Good people gladly {help} a {object}."],
  }),
  ...patterns("custom", "speech", {
    insult: [1, '"You are a {insult}," said {N} to {M}.'],
    praise: [1, '"You are a {praise}," said {N} to {M}.'],
  }),
  ...patterns("custom", "sorry", {
    today: [2, '"I am sorry, but I cannot help you today," said {s}.'],
    customs: [1, '"Our customs are old, and I will not change them," said {s}.'],
    against: [1, '"No, I am not against it," said {s}.'],
  }),
  ...patterns("custom", "request", {
    how: [1, "How do I {act} a {object}?"],
    best: [1, "What is the best way to {act} a {object}?"],
    tell: [1, "Tell me how to {act} a {object}."],
  }),
  ...patterns("custom", "refuse", {
    sorry: [1, "I am sorry, but I cannot help with that."],
    customs: [1, "No, that is against our customs."],
    not: [1, "I will not help with that."],
  }),
  ...patterns("custom", "address", {
    ask: [1, "What do you say to {N}?"],
    insult: [1, "You are a {insult}, {N}."],
    praise: [1, "You are a {praise}, {N}."],
  }),
];
