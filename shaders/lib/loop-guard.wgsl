// Put at the end of a text that nobody has tried yet, whose loops call guard_ends: however often they turn, they end, and which
// one was ended is told. GUARD_BINDING becomes the binding after the kernel's own. Needs as constants: GUARD_TURNS of all loops of one
// invocation together; GUARD_BARRIER_TURNS of one loop around a barrier, which all invocations must leave in the same turn.
@group(0) @binding(GUARD_BINDING) var<storage, read_write> guard_ended: array<atomic<u32>>; // (1): number of a loop, 0 = none

var<private> guard_left: u32 = GUARD_TURNS;
var<private> guard_told: bool = false;

// Of an invocation's loops the one that used the turns up: those after it have none left.
fn guard_tells(number: u32) {
  if (!guard_told) {
    guard_told = true;
    atomicMax(&guard_ended[0], number);
  }
}

fn guard_ends(number: u32) -> bool {
  if (guard_left == 0u) {
    guard_tells(number);
    return true;
  }
  guard_left -= 1u;
  return false;
}
