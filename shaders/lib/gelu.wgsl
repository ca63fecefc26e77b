// GELU, tanh form (Hendrycks and Gimpel, arXiv 1606.08415): x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3).
// Since (1 + tanh u)/2 = 1/(1 + exp(-2u)), tanh is not called: it returns NaN at large arguments on some adapters, and
// 1 + tanh u cancels where x is negative. The clamp keeps exp finite; past it the result is 0 or x to the last bit.
const GELU_TWO_ROOT: f32 = 1.5957691216057308; // 2 sqrt(2/pi)
const GELU_CUBIC: f32 = 0.044715;
const GELU_LIMIT: f32 = 80.0;

// exp(-2u)
fn gelu_exp(x: f32) -> f32 {
  let u2 = GELU_TWO_ROOT * x * (1.0 + GELU_CUBIC * x * x);
  return exp(clamp(-u2, -GELU_LIMIT, GELU_LIMIT));
}

fn gelu(x: f32) -> f32 {
  return x / (1.0 + gelu_exp(x));
}

// d gelu / dx = s + x s (1 - s) d(2u)/dx, s = 1/(1 + exp(-2u)); 1 - s is exp(-2u) s, which keeps its digits.
fn gelu_derivative(x: f32) -> f32 {
  let e = gelu_exp(x);
  let s = 1.0 / (1.0 + e);
  return s + x * s * (e * s) * (GELU_TWO_ROOT * (1.0 + 3.0 * GELU_CUBIC * x * x));
}
