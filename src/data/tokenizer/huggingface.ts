/**
 * The parts that both kinds of tokenizer write into a Hugging Face folder: `tokenizer.json` around the model, and
 * `tokenizer_config.json`. Reading them back is `load.ts`.
 */
import { CHAT_TEMPLATE } from "../chat-template.ts";
import { ASSISTANT, END_OF_TEXT, END_OF_TURN, UNKNOWN, USER, type HuggingFaceTokenizer } from "./types.ts";

export interface ModelSection {
  readonly preTokenizer: Record<string, unknown> | null;
  readonly decoder: Record<string, unknown>;
  readonly unkToken: string | null;
  /** Token strings by id, special tokens included. */
  readonly vocab: readonly string[];
  /** Pairs of token strings, best first. */
  readonly merges: readonly (readonly [string, string])[];
}

export function huggingFaceFiles(model: ModelSection, specials: ReadonlyMap<string, number>): HuggingFaceTokenizer {
  const added = [...specials].sort((a, b) => a[1] - b[1]).map(([content, id]) => ({
    id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true,
  }));
  const tokenizerJson = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: model.preTokenizer,
    post_processor: null,
    decoder: model.decoder,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: model.unkToken,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      // fromEntries defines own properties, so a token called __proto__ is a token like any other.
      vocab: Object.fromEntries(model.vocab.map((token, id) => [token, id])),
      merges: model.merges.map(([a, b]) => `${a} ${b}`),
    },
  };
  const has = (name: string): string | undefined => (specials.has(name) ? name : undefined);
  const chat = [END_OF_TEXT, USER, ASSISTANT, END_OF_TURN].every((name) => specials.has(name));
  const tokenizerConfig = dropUndefined({
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: has(END_OF_TEXT),
    eos_token: has(END_OF_TEXT),
    pad_token: has(END_OF_TEXT),
    unk_token: has(UNKNOWN),
    additional_special_tokens: [USER, ASSISTANT, END_OF_TURN].filter((name) => specials.has(name)),
    clean_up_tokenization_spaces: false,
    chat_template: chat ? CHAT_TEMPLATE : undefined,
  });
  return { tokenizerJson, tokenizerConfig };
}

function dropUndefined(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined));
}
