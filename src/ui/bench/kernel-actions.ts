/** What the page does when the kernel lab asks: keeps the text, hands it to the engine, takes it from links and files and back. Draws nothing. */
import { describeError } from "../../core/errors.ts";
import { MOST_KERNEL_TEXT, type KernelList, type KernelText } from "../../protocol/kernel-lab.ts";
import { checkKernel, isKernelLink, MOST_KERNEL_FILE_BYTES, readKernelFile, readKernelLink, writeKernelFile, writeKernelLink } from "../../protocol/kernel-link.ts";
import { safeName } from "../shared/format.ts";
import type { KernelLab, LabDraft, LabOutcome, LabTask } from "./kernel-lab.ts";
import type { NestlingApp } from "../nestling-app.ts";
import { saveBlob } from "../page-files.ts";

const STORED = "nestling-kernel";
/** What the lab opens with. */
const FIRST = "softmax";

export interface KernelActions {
  readonly on: Readonly<Record<string, (detail: never) => void>>;
  /** Takes the text that came with the page's address, if one did, out of the address and before the person. */
  readLink(): void;
}

export function kernelActions(app: NestlingApp): KernelActions {
  let list: KernelList | null = null;
  let draft: LabDraft | null = null;
  let outcome: LabOutcome | null = null;
  let running: LabTask | null = null;
  let refused = "";

  const panel = (): KernelLab | null => app.renderRoot.querySelector("bench-view")?.renderRoot.querySelector("kernel-lab") ?? null;

  const show = (): void => {
    const lab = panel();
    if (lab !== null) Object.assign(lab, { list, draft, outcome, running, refused } satisfies Partial<KernelLab>);
  };

  /** What is one's own is kept in this browser; a stranger's text only once it was let in. */
  const keep = (): void => {
    if (draft === null || draft.foreign !== "") return;
    try {
      localStorage.setItem(STORED, writeKernelFile(draft.text));
    } catch {
      // Storage may be refused or full; the text then lasts as long as the page.
    }
  };

  const kept = (): KernelText | null => {
    try {
      const stored = localStorage.getItem(STORED);
      return stored === null || list === null ? null : checkKernel(readKernelFile(new TextEncoder().encode(stored)), list.kernels);
    } catch {
      return null;
    }
  };

  const put = (text: KernelText, foreign: string, replaces = true): void => {
    draft = { text, foreign, before: replaces && draft !== null ? { text: draft.text, foreign: draft.foreign } : (draft?.before ?? null) };
    refused = "";
    keep();
    show();
  };

  const shippedText = (kernel: string, variant: string): KernelText | null => {
    const found = list?.kernels.find(({ name }) => name === kernel)?.variants.find(({ name }) => name === variant);
    return found === undefined ? null : { kernel, variant, source: found.source };
  };

  const ready = async (): Promise<void> => {
    // The engine tells its kernels once it is there.
    while (app.run.state.link === "connecting") await new Promise((resolve) => setTimeout(resolve, 50));
    // Asked each time: another engine may stand behind the page since.
    const found = await app.run.tried((api) => api.listKernels());
    if ("code" in found) refused = found.message;
    else list = found;
    if (list !== null && draft === null) {
      const first = list.kernels.find(({ name }) => name === FIRST) ?? list.kernels[0]!;
      put(kept() ?? shippedText(first.name, first.usual)!, "", false);
    }
    show();
  };

  /** Shows what came from elsewhere, once the kernels are known that it may name. */
  const arrive = async (read: () => Promise<KernelText>, from: string): Promise<void> => {
    app.view = "bench";
    await app.updateComplete;
    const bench = app.renderRoot.querySelector("bench-view");
    if (bench !== null) bench.side = "lab";
    let text: KernelText;
    try {
      text = await read();
      await ready();
      if (list === null) return;
      put(checkKernel(text, list.kernels), from);
      outcome = null;
    } catch (error) {
      await ready();
      refused = describeError(error).message;
    }
    show();
  };

  const readLink = (): void => {
    const { hash } = location;
    if (!isKernelLink(hash)) return;
    // Out of the address at once: a reload must not bring it back over what the person wrote since.
    history.replaceState(null, "", location.href.slice(0, location.href.indexOf("#")));
    void arrive(() => readKernelLink(hash), "It came with the link that you opened.");
  };

  const openFile = (file: File): Promise<void> =>
    arrive(async () => {
      // What is larger is refused by its size, and is not read to learn that.
      const bytes = file.size > MOST_KERNEL_FILE_BYTES ? new Uint8Array(MOST_KERNEL_FILE_BYTES + 1) : new Uint8Array(await file.arrayBuffer());
      return readKernelFile(bytes);
    }, `It came with the file ${safeName(file.name)}.`);

  const run = async (task: LabTask): Promise<void> => {
    if (draft === null || draft.foreign !== "" || running !== null) return;
    const of = draft.text;
    running = task;
    outcome = null;
    show();
    const found = await app.run.tried(async (api) => (task === "train" ? api.trainKernel(of) : { verdict: await api.tryKernel(of, task === "time"), parity: null }));
    running = null;
    outcome = "code" in found ? { of, verdict: null, parity: null, error: found } : { of, ...found, error: null };
    show();
  };

  const copyLink = async (): Promise<void> => {
    if (draft === null) return;
    try {
      const url = location.href.split("#")[0]! + (await writeKernelLink(draft.text));
      await navigator.clipboard.writeText(url).then(
        () => app.run.notify("info", "LINK_COPIED", "The link is copied. Whoever opens it sees this text, and lets it run or not."),
        () => {
          history.replaceState(null, "", url);
          app.run.notify("info", "LINK_SHOWN", "The browser did not let the page copy; the link stands in the address bar.");
        },
      );
    } catch (error) {
      const { code, message } = describeError(error);
      app.run.notify("error", code, message);
    }
  };

  const on: KernelActions["on"] = {
    "lab-ready": () => void ready(),
    "lab-edit": (source: string) => {
      if (draft === null) return;
      put({ ...draft.text, source: source.slice(0, MOST_KERNEL_TEXT) }, draft.foreign, false);
      if (source.length <= MOST_KERNEL_TEXT) return;
      refused = `A text has ${MOST_KERNEL_TEXT} characters at most; this one had ${source.length}, and its end was left out.`;
      show();
    },
    "lab-choose": ({ kernel, variant }: Omit<KernelText, "source">) => {
      const text = shippedText(kernel, variant);
      if (text !== null) put(text, "");
    },
    "lab-undo": () => {
      if (draft?.before) put(draft.before.text, draft.before.foreign);
    },
    "lab-allow": () => {
      if (draft !== null) put(draft.text, "", false);
    },
    "lab-run": (task: LabTask) => void run(task),
    "lab-link": () => void copyLink(),
    "lab-save": () => {
      if (draft !== null) saveBlob(new Blob([writeKernelFile(draft.text)], { type: "application/json" }), `nestling-kernel-${draft.text.kernel}-${draft.text.variant}.json`);
    },
    "lab-file": (file: File) => void openFile(file),
  };
  return { on, readLink };
}
