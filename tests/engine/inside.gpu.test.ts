/** Looking inside on WebGPU, in the variants of software adapters. */
import { insideTests } from "../support/inside-cases.ts";
import { webGpu } from "../support/micro.ts";

insideTests(webGpu);
