/** The protocol's front door. Types, and the recipe's own table; nothing that runs an engine. */
export type * from "./recipe.ts";
export type * from "./messages.ts";
export type * from "./own-data.ts";
export type * from "./bench.ts";
export type * from "./profile.ts";
export type * from "./tuning.ts";
export type * from "./kernel-lab.ts";
