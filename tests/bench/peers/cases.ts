/** The kernel shapes of the comparison. Imports nothing: the driver in Node reads them too. */

/** NN: a (M, K) b (K, N); NT: b (N, K); TN: a (K, M). Attention is causal over (B, T, H, D); its gradients come out as dq, dk, dv. */
export type KernelCase =
  | { readonly kind: "matmul"; readonly form: "NN" | "NT" | "TN"; readonly M: number; readonly N: number; readonly K: number }
  | { readonly kind: "softmax" | "layernorm"; readonly rows: number; readonly columns: number }
  | { readonly kind: "attention" | "attention-backward"; readonly B: number; readonly T: number; readonly H: number; readonly D: number };

const matmul = (form: "NN" | "NT" | "TN", M: number, K: number, N: number): KernelCase => ({ kind: "matmul", form, M, N, K });

export const KERNEL_CASES: readonly KernelCase[] = [
  matmul("NN", 256, 256, 256), matmul("NN", 512, 512, 512), matmul("NN", 1024, 1024, 1024),
  matmul("NN", 512, 128, 384), matmul("NN", 512, 128, 512), matmul("NN", 512, 512, 128), matmul("NN", 512, 128, 1024),
  matmul("TN", 128, 512, 384), matmul("TN", 128, 512, 512), matmul("TN", 512, 512, 128), matmul("TN", 128, 512, 1024),
  matmul("NT", 512, 384, 128), matmul("NT", 512, 512, 128), matmul("NT", 512, 128, 512), matmul("NT", 512, 1024, 128),
  { kind: "softmax", rows: 2048, columns: 256 }, { kind: "softmax", rows: 4096, columns: 1024 },
  { kind: "layernorm", rows: 2048, columns: 256 },
  { kind: "attention", B: 4, T: 128, H: 4, D: 32 }, { kind: "attention", B: 2, T: 256, H: 4, D: 32 },
  { kind: "attention-backward", B: 4, T: 128, H: 4, D: 32 }, { kind: "attention-backward", B: 2, T: 256, H: 4, D: 32 },
];

export function caseName(kernel: KernelCase): string {
  if (kernel.kind === "matmul") return `matmul ${kernel.form} ${kernel.M}x${kernel.K}x${kernel.N}`;
  if ("rows" in kernel) return `${kernel.kind} ${kernel.rows}x${kernel.columns}`;
  return `${kernel.kind} ${kernel.B}x${kernel.H}x${kernel.T}x${kernel.D}`;
}
