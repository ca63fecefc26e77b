/**
 * The chat template as text: what `tokenizer_config.json` carries in Jinja, and its meaning in plain TypeScript. One turn is
 * `<|user|> content<|end|>` or `<|assistant|> content<|end|>`; a conversation opens with `<|endoftext|>`. A system message has
 * no marker of its own: it stands before the first user's content, parted by an empty line, so that three markers suffice.
 */
import { ASSISTANT, END_OF_TEXT, END_OF_TURN, USER } from "./tokenizer/types.ts";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface ChatTurn {
  readonly role: "user" | "assistant";
  readonly content: string;
}

export const SYSTEM_SEPARATOR = "\n\n";

/**
 * Stands between a marker and its content. Byte-level BPE keeps a word's leading space in its piece, so with it the first word
 * of a turn has the piece that it has inside sentences: a name in the question can be copied into the answer as it stands.
 */
export const SPACE = " ";

export const CHAT_TEMPLATE = [
  `{{- '${END_OF_TEXT}' -}}`,
  "{%- set ns = namespace(system='') -%}",
  "{%- for message in messages -%}",
  "{%- if message['role'] == 'system' -%}",
  "{%- set ns.system = message['content'] + '\\n\\n' -%}",
  "{%- elif message['role'] == 'user' -%}",
  `{{- '${USER} ' + ns.system + message['content'] + '${END_OF_TURN}' -}}`,
  "{%- set ns.system = '' -%}",
  "{%- else -%}",
  `{{- '${ASSISTANT} ' + message['content'] + '${END_OF_TURN}' -}}`,
  "{%- endif -%}",
  "{%- endfor -%}",
  `{%- if add_generation_prompt -%}{{- '${ASSISTANT}' -}}{%- endif -%}`,
].join("");

/** Messages as turns: each system message folded into the next user's content. */
export function chatTurns(messages: readonly ChatMessage[]): ChatTurn[] {
  const turns: ChatTurn[] = [];
  let system = "";
  for (const { role, content } of messages) {
    if (role === "system") system = content + SYSTEM_SEPARATOR;
    else if (role === "assistant") turns.push({ role, content });
    else {
      turns.push({ role, content: system + content });
      system = "";
    }
  }
  return turns;
}

/** The template rendered, markers as text: for showing and for comparing with Jinja. Training encodes turns, not this. */
export function renderChat(messages: readonly ChatMessage[], options: { readonly addGenerationPrompt?: boolean } = {}): string {
  const turns = chatTurns(messages).map(({ role, content }) => (role === "user" ? USER : ASSISTANT) + SPACE + content + END_OF_TURN);
  return END_OF_TEXT + turns.join("") + (options.addGenerationPrompt ? ASSISTANT : "");
}
