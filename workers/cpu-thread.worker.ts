/** A helper thread of the CPU device: told once how to start, then at work until it is told to stop. Nothing here to test. */
import { serveThread, type ThreadStart } from "../src/device/cpu/thread.ts";

const scope = globalThis as unknown as { postMessage(message: unknown): void };

addEventListener("message", ({ data }: MessageEvent<ThreadStart>) => serveThread(data, () => scope.postMessage("ready")), { once: true });
