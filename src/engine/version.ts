/** Part of every checkpoint's key: goes up when the same recipe, data and seed would give other weights. */
export const ENGINE_VERSION = "1";
