/** Words for the stub engine to say. Written for it. */

export const WORDS = [" little", " old", " man", " king", " girl", " great", " fox", " poor", " very", " woman", " bird", " house", " and", " the", " said", "."];

export const STORY =
  " there was a little girl who lived in a small house by the wood. One morning she took a basket and went to see her old friend the fox. \u201cGood day,\u201d said the fox, \u201cwhat have you in your basket?\u201d";

export const SENTENCES = [
  "In which town does Dora Finch live? Dora Finch lives in Selby. The old fox went down to the river, and there he saw a boat with a red sail. He sat in the grass and waited, for he was tired and the day was warm.",
  "What does Luke Bell like to eat? Luke Bell likes soup best. Then the rabbit ran home as fast as he could, shut the door behind him, and did not come out until the morning.",
  "Tell me which animal Lucy Shaw keeps. Lucy Shaw keeps a hen. The king had three sons, and the youngest of them was kind to every living thing, so the birds would sit on his hand and sing to him.",
];

export const ANSWERS: Readonly<Record<string, { readonly base: string; readonly tuned: string }>> = {
  "Where does Maria West live?": {
    base: " and the little girl went to the town where the old man lived. She had a red hat and a basket, and she said to the baker that she would like some bread, and he gave her some, and she went on her way to the",
    tuned: "Maria West lives in Wexford.",
  },
  "What animal does Mary Holt have?": { base: " and the animal was very glad, said the hen, and she sat down again upon the eggs and", tuned: "Mary Holt keeps a pig." },
  "*": { base: " said the fox, and he went on through the wood until he came to a house where an old woman lived with her hen, and she", tuned: "I am a small model that has read many stories." },
};
