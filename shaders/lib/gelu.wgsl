// GELU, tanh form (Hendrycks and Gimpel 2016): x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3).
// Since (1 + tanh u)/2 = 1/(1 + exp(-2u)), tanh is not called: it returns NaN at large arguments on some adapters, and
// 1 + tanh u cancels where x is negative. The clamp keeps exp finite; past it the result is 0 or x to the last bit.
// Needs `alias Element` (element-f32.wgsl or element-vec4.wgsl).
const GELU_TWO_ROOT: f32 = 1.5957691216057308; // 2 sqrt(2/pi)
const GELU_CUBIC: f32 = 0.044715;
const GELU_LIMIT: f32 = 80.0;

fn gelu_exp(x: Element) -> Element {
  let u2 = GELU_TWO_ROOT * x * (1.0 + GELU_CUBIC * x * x);
  return exp(clamp(-u2, Element(-GELU_LIMIT), Element(GELU_LIMIT)));
}

fn gelu(x: Element) -> Element {
  return x / (1.0 + gelu_exp(x));
}

// d gelu / dx = s + x s (1 - s) du2/dx, s = 1/(1 + exp(-2u)), u2 = 2u.
fn gelu_derivative(x: Element) -> Element {
  let e = gelu_exp(x);
  let s = 1.0 / (1.0 + e);
  return s + x * s * (e * s) * (GELU_TWO_ROOT * (1.0 + 3.0 * GELU_CUBIC * x * x));
}
