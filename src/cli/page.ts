/**
 * The half of the command line that runs in the built page. It sleeps unless a driver (navigator.webdriver) opened the
 * page at `#cli`: then it takes the page's place, starts the page's own worker and hands the engine to the driver as
 * `window.__nestling`. A person's browser never sets navigator.webdriver, so nobody can be led there by a link.
 */
import type { BackendChoice, CorpusSummary, EngineApi, EngineEvent } from "../protocol/index.ts";
import type { CorpusChoices } from "../protocol/own-data.ts";
import { connectEngine } from "../ui/engine-client.ts";

/** What the driver calls: structured data in and out, blobs as base64 pieces. */
export interface DriverHandle {
  readonly engine: EngineApi;
  /** Starts the engine; events go to `window.__nestlingEvents`, which the driver has put there. */
  start(backend: BackendChoice): ReturnType<EngineApi["start"]>;
  /** Where the driver puts files as a person would choose them, so that the worker streams them whatever their size. */
  readonly files: HTMLInputElement;
  /** Takes in the files chosen there as one corpus. */
  addText(choices: CorpusChoices): Promise<CorpusSummary>;
  /** Ends the taking in, of which then nothing is kept. */
  stopText(): Promise<void>;
  /** Prepares a checkpoint's zip; returns its size in bytes. */
  openExport(checkpointId: string): Promise<number>;
  /** Bytes `from` to `to` of the zip prepared last, in base64. */
  readExport(from: number, to: number): Promise<string>;
}

declare global {
  interface Window {
    __nestling?: Promise<DriverHandle>;
    __nestlingEvents?: (events: readonly EngineEvent[]) => void;
    __nestlingFailed?: (message: string) => void;
  }
}

/** The driver takes in one corpus. */
const INTAKE = "cli";

async function base64(blob: Blob): Promise<string> {
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error("a blob could not be read"));
    reader.readAsDataURL(blob);
  });
  return url.slice(url.indexOf(",") + 1);
}

async function openHandle(): Promise<DriverHandle> {
  const { api: engine, died } = await connectEngine();
  void died.then(({ message }) => window.__nestlingFailed?.(message));
  let archive = new Blob();
  const files = Object.assign(document.createElement("input"), { type: "file", multiple: true });
  document.body.append(files);
  return {
    engine,
    start: (backend) => engine.start({ backend, baseUrl: new URL(".", document.baseURI).href }, (events) => window.__nestlingEvents?.(events)),
    files,
    addText: (choices) => {
      const chosen = [...(files.files ?? [])].map((file) => ({ name: file.name, data: file }));
      return engine.addCorpus(chosen.map(({ name }) => name).join(", ").slice(0, 200), chosen, choices, INTAKE);
    },
    stopText: () => engine.stopIntake(INTAKE),
    openExport: async (checkpointId) => {
      archive = await engine.exportCheckpoint(checkpointId);
      return archive.size;
    },
    readExport: (from, to) => base64(archive.slice(from, to)),
  };
}

if (navigator.webdriver && location.hash === "#cli") {
  // Before any custom element is defined: the page's own controller must not start a second worker.
  document.body.replaceChildren();
  window.__nestling = openHandle();
}
