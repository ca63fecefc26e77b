/** One job at a time, in the order asked. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(job: () => Promise<T>): Promise<T> {
    const next = this.#tail.then(job);
    this.#tail = next.catch(() => undefined);
    return next;
  }
}
