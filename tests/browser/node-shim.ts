/** The few words of Node that shared test helpers use, in Chromium: files of tests/fixtures, read as they are asked for. */

export const fileURLToPath = (url: URL | string): string => String(url);

/** A synchronous request keeps the helpers as they are; the text is bytes, by way of x-user-defined. */
export function readFileSync(path: URL | string): Uint8Array {
  // The bundler may have renamed the file and the address with it; where it did not, fixtures/ lies where the address says.
  const request = new XMLHttpRequest();
  request.open("GET", path, false);
  request.overrideMimeType("text/plain; charset=x-user-defined");
  request.send();
  if (request.status !== 200) throw new Error(`${String(path)}: the server answered ${request.status}`);
  return Uint8Array.from(request.responseText, (unit) => unit.charCodeAt(0) & 0xff);
}

export default {};
