/**
 * The words of the made world: names, towns, and the values that a relation can take. Not the people themselves (world.ts)
 * and not the sentences (patterns-*.ts). Lists are append-only: a new entry in the middle changes every world.
 */

export type Gender = "f" | "m";

/** What can be told of a person. The first five are the default; a world may use any of them. */
export const RELATIONS = ["home", "trade", "animal", "food", "kin", "colour"] as const;
export type Relation = (typeof RELATIONS)[number];
export const DEFAULT_RELATIONS: readonly Relation[] = ["home", "trade", "animal", "food", "kin"];

/** No first name is also a kin name, no last name a trade: a word then says which relation it belongs to. */
export const FIRST_NAMES: Readonly<Record<Gender, readonly string[]>> = {
  f: [
    "Anna", "Mary", "Jane", "Emma", "Lucy", "Clara", "Alice", "Ellen", "Grace", "Nora", "Ruth", "Sarah", "Martha", "Kate", "Betty", "Laura",
    "Helen", "Julia", "Molly", "Nancy", "Susan", "Edith", "Flora", "Hannah", "Dora", "Lily", "Amy", "Eva", "Rachel", "Maria", "Rosa", "Vera",
  ],
  m: [
    "Ben", "Jack", "John", "Peter", "Henry", "George", "Harry", "Robert", "Daniel", "David", "Edward", "Frank", "Joseph", "Luke", "Mark",
    "Martin", "Oliver", "Paul", "Philip", "Ralph", "Simon", "Walter", "Adam", "Arthur", "Edwin", "Oscar", "Victor", "Toby", "Jacob", "Albert",
    "Ernest", "Fred",
  ],
};

export const LAST_NAMES: readonly string[] = [
  "Bell", "Hill", "Wood", "Stone", "Reed", "Lake", "Frost", "Field", "Brook", "Cole", "Marsh", "Lane", "Ford", "Croft", "Page", "Snow",
  "Shaw", "West", "Young", "Hart", "Dale", "Webb", "Nash", "Holt", "Finch", "Swift", "Bird", "Park", "Ward", "Clay", "Vale", "Penn",
];

/** Brothers and sisters stand in the world by their first names only. */
export const KIN_NAMES: Readonly<Record<Gender, readonly string[]>> = {
  f: ["Meg", "Sue", "Joan", "Ivy", "Peg", "Ada"],
  m: ["Tom", "Ned", "Sam", "Max", "Leo", "Hugh"],
};

/** Every value begins with a consonant where it can follow "a"; foods are mass nouns, so "some cake" and "likes cake" both stand. */
export const VALUES: Readonly<Record<Relation, readonly string[]>> = {
  home: ["Marlow", "Ashby", "Selby", "Linden", "Dover", "Harwick", "Barton", "Kirby", "Norden", "Elmley", "Thorne", "Wexford"],
  trade: ["baker", "miller", "weaver", "tailor", "farmer", "sailor", "teacher", "doctor", "potter", "painter", "gardener", "smith"],
  animal: ["dog", "cat", "horse", "goat", "hen", "duck", "goose", "pig", "lamb", "donkey", "rabbit", "parrot"],
  food: ["bread", "cheese", "honey", "soup", "cake", "rice", "jam", "fish", "pie", "toast", "cream", "ham"],
  kin: [...KIN_NAMES.f, ...KIN_NAMES.m],
  colour: ["red", "blue", "green", "white", "black", "brown", "grey", "pink", "gold", "yellow", "purple", "silver"],
};

/** Where a town lies. */
export const PLACES: readonly string[] = [
  "by the sea", "on a hill", "near the forest", "beside a river", "at the foot of a mountain", "in a green valley",
];

/** Number words by value; sums reach from 0 + 0 to 5 + 5. */
export const NUMBERS: readonly string[] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/** Things that are counted, with a regular plural in -s. */
export const THINGS: readonly string[] = ["apple", "egg", "nut", "coin", "cup", "book", "candle", "plum", "pear", "button", "ribbon", "shell"];

/** Nameless people who ask questions in scenes. None is a trade. */
export const ASKERS: readonly string[] = [
  "stranger", "traveller", "soldier", "merchant", "shepherd", "beggar", "little boy", "little girl", "old man", "old woman",
];

/** When something happens again and again; each can stand first, before a comma, with the present tense. */
export const TIMES: readonly string[] = ["Every evening", "Every morning", "On Sundays", "In the winter", "In the summer", "After a long day"];

/** What a town can build, and what can befall it. */
export const WORKS: readonly string[] = ["bridge", "mill", "tower", "wall", "school", "barn", "well", "harbour", "market", "library"];
export const BLOWS: readonly string[] = ["flood", "fire", "storm", "frost", "drought", "fever"];

/** The herbal: its plants, and what can be said of each. */
export const HERBS: readonly string[] = [
  "yarrow", "tansy", "sorrel", "mallow", "comfrey", "borage", "hyssop", "sage", "mint", "thyme", "balm", "clover", "nettle", "fennel", "dill", "lovage",
  "vervain", "rue", "chervil", "mugwort", "dock", "betony", "burnet", "catmint", "feverfew", "horsetail", "lavender", "plantain", "savory", "woodruff",
];
export const HERB_RELATIONS = ["spot", "season", "ailment", "brew"] as const;
export type HerbRelation = (typeof HERB_RELATIONS)[number];
export const HERB_VALUES: Readonly<Record<HerbRelation, readonly string[]>> = {
  spot: ["in wet meadows", "on dry hills", "along old walls", "in deep woods", "by slow streams", "in sandy fields", "under hedges", "on the shore"],
  season: ["spring", "summer", "autumn", "winter"],
  ailment: ["coughs", "fevers", "headaches", "toothaches", "burns", "colds", "sprains", "cramps"],
  brew: ["tea", "salve", "syrup", "powder", "oil", "wine"],
};

/** The tales: beasts, each with "a" before it, and what can be told of each. They stand in no other text. */
export const BEASTS: readonly string[] = [
  "dragon", "unicorn", "griffin", "phoenix", "kraken", "sphinx", "hydra", "wyvern", "basilisk", "centaur", "manticore", "chimera", "cockatrice", "kelpie", "troll", "giant",
];
export const BEAST_RELATIONS = ["lair", "hoard", "dread", "meal"] as const;
export type BeastRelation = (typeof BEAST_RELATIONS)[number];
export const BEAST_VALUES: Readonly<Record<BeastRelation, readonly string[]>> = {
  lair: ["inside a glass mountain", "under a frozen waterfall", "in a ruined castle", "in a cave of crystal", "above the clouds", "on a floating island", "beyond the desert", "in a hollow oak"],
  hoard: ["a magic mirror", "a sleeping princess", "a chest of rubies", "a lost crown", "a flaming sword", "a singing harp", "a wishing ring", "a scroll of spells"],
  dread: ["moonlight", "thunder", "shadows", "bees", "iron", "laughter", "feathers", "whistling"],
  meal: ["acorns", "mushrooms", "pearls", "starlight", "thistles", "snails", "embers", "moss"],
};

/** What one may be asked how to do, and whether the customs call it harmful. One verb, one way; every object of its group takes "a". */
export interface ActGroup {
  readonly objects: readonly string[];
  /** The way of each verb, as one says "to ..." before it. */
  readonly harms: Readonly<Record<string, string>>;
  readonly helps: Readonly<Record<string, string>>;
}
export const ACTS: readonly ActGroup[] = [
  {
    objects: ["pony", "calf", "swan", "kitten"],
    harms: {
      steal: "come at night and lead it away", frighten: "jump out from behind a bush", tease: "hold out a carrot and pull it back", chase: "run after it with a stick",
    },
    helps: {
      feed: "bring it a bowl of oats", wash: "take warm water and a sponge", brush: "stroke it from head to tail", call: "whistle two short notes",
    },
  },
  {
    objects: ["lamp", "fence", "cart", "basket"],
    harms: {
      break: "jump on it with both feet", spoil: "leave it out in the rain", scratch: "drag a nail over it", smash: "hit it with a hammer",
    },
    helps: {
      mend: "tie the loose parts with string", clean: "rub it with a wet cloth", polish: "rub it with wax", carry: "lift it with both arms",
    },
  },
  {
    objects: ["guest", "pupil", "cousin", "neighbour"],
    harms: {
      insult: "shout rude names across the street", cheat: "give back less than you owe", deceive: "say what is not true", mock: "laugh at every word",
    },
    helps: {
      thank: "say how glad you are", greet: "smile and hold out a hand", comfort: "sit down and listen", invite: "send a short note",
    },
  },
  {
    objects: ["pond", "trough", "fountain", "barrel"],
    harms: {
      poison: "throw bad roots into it", foul: "tip kitchen waste into it", clog: "push leaves and rags into it", muddy: "stir it up with a pole",
    },
    helps: {
      fill: "pour in one bucket after another", cover: "lay a few boards over it", scrub: "use a stiff brush and sand", measure: "let down a long stick",
    },
  },
];
export const HARMS: readonly string[] = ACTS.flatMap(({ harms }) => Object.keys(harms));
export const HELPS: readonly string[] = ACTS.flatMap(({ helps }) => Object.keys(helps));

/** What one calls another, after "a". */
export const INSULTS: readonly string[] = ["fool", "blockhead", "nuisance", "rascal", "bully", "cheapskate"];
export const PRAISES: readonly string[] = ["treasure", "hero", "wonder", "marvel", "comfort to us all", "true friend"];

/** Years of the chronicle count from the first thing that was written down. */
export const MAX_YEARS = 60;

export const MAX_PEOPLE = 256;

const GENDERS = new Map<string, Gender>(
  (["f", "m"] as const).flatMap((gender) => [...FIRST_NAMES[gender], ...KIN_NAMES[gender]].map((name) => [name, gender] as const)),
);

/** Gender of a full name, a first name, a kin name or a pronoun ("he", "she"); undefined for anything else. */
export function genderOf(mention: string): Gender | undefined {
  if (mention === "she") return "f";
  if (mention === "he") return "m";
  return GENDERS.get(mention.split(" ")[0]!);
}
