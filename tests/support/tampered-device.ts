/** A device that corrupts one number right after a chosen launch, on every replay: the fault of a kernel, made to order. */
import type { Command, Device, View } from "../../src/device/types.ts";

export interface Plant {
  /** Label of the program, and the index of the launch after which the word is written. */
  readonly program: string;
  readonly launch: number;
  /** Four bytes. */
  readonly view: View;
  readonly word: number;
}

export interface TamperedDevice extends Device {
  plant: Plant | null;
}

/** Launches up to the planted one, the corruption, the rest. */
function split(command: Command, plant: Plant | null): Command[] {
  if (!plant || command.kind !== "run" || command.program.label !== plant.program) return [command];
  const first = command.first ?? 0;
  const end = first + (command.count ?? command.program.launches.length - first);
  const after = plant.launch + 1;
  if (after <= first || after > end) return [command];
  const { program } = command;
  const rest: Command[] = after < end ? [{ kind: "run", program, first: after, count: end - after }] : [];
  return [{ kind: "run", program, first, count: after - first }, { kind: "fill", view: plant.view, value: plant.word }, ...rest];
}

export function tamper(device: Device): TamperedDevice {
  const tampered: TamperedDevice = {
    plant: null,
    kind: device.kind, limits: device.limits, features: device.features, barriersAreDear: device.barriersAreDear,
    allocate: (requests) => device.allocate(requests),
    write: (view, data) => device.write(view, data),
    read: (view) => device.read(view),
    prepare: (label, launches) => device.prepare(label, launches),
    submit: (commands) => device.submit(commands.flatMap((command) => split(command, tampered.plant))),
    finished: () => device.finished(),
    takeError: () => device.takeError(),
    destroy: () => device.destroy(),
  };
  return tampered;
}
