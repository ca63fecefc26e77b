// A browser is looked for when it is needed (src/cli/browser.ts), never fetched during `npm ci`.
module.exports = { skipDownload: true };
