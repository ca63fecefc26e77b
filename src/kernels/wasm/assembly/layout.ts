/**
 * Where the module's scratch lies in the imported memory: 1 MiB for each thread's instance, below everything that the CPU device places.
 * Bytes 0 to 1,023 of the first are never used, so that address 0 stays an error; nothing here survives a call.
 */

/** Where this instance's MiB begins: given by who makes the instance, so that threads in one memory do not meet. */
// @ts-ignore: decorator
@external("env", "scratch")
export declare const BASE: usize;

// The register block: MR rows by NR columns of the output.
export const MR: i32 = 4;
export const NR: i32 = 8;
// The packed blocks: MC x KC of A stays in the second-level cache, KC x NR of B in the first.
export const MC: i32 = 128;
export const KC: i32 = 256;
export const NC: i32 = 512;

// From BASE on:
/** One MR x NR block of output at an edge: 128 bytes. */
export const TILE: usize = 0x0400;
/** Packed A, MC * KC * 4 = 128 KiB. */
export const PACKED_A: usize = 0x1000;
/** Packed B, KC * NC * 4 = 512 KiB. */
export const PACKED_B: usize = 0x40000;
