// Asks the server, and hears of what happens there.

const ANSWER_MILLIS = 30000;
// The server says every 15 s that it is still there.
const SILENCE_MILLIS = 45000;

// For this tab and until it is closed: it is on no disk.
let token = sessionStorage.getItem("token") ?? "";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function hasToken() {
  return token !== "";
}

export function setToken(text) {
  token = text;
  if (text) {
    sessionStorage.setItem("token", text);
  } else {
    sessionStorage.removeItem("token");
  }
}

async function ask(path, signal) {
  const headers = token ? { Authorization: "Bearer " + token } : {};
  const response = await fetch("/api/v1/" + path, { headers, signal });
  if (!response.ok) {
    let message = response.statusText;
    try {
      message = (await response.json()).error.message;
    } catch {
      // No JSON: the status has to do.
    }
    throw new Refused(response.status, message);
  }
  return response;
}

// An object, or {rows, done}.
export async function get(path) {
  return (await ask(path, AbortSignal.timeout(ANSWER_MILLIS))).json();
}

// Calls back with each message; ends by an error only, be it the reason with which the controller was
// told to end. By fetch: EventSource cannot send a token.
export async function listen(controller, onOpen, onMessage) {
  const silence = () => controller.abort(new Error(`nothing was heard for ${SILENCE_MILLIS / 1000} s`));
  let timer = setTimeout(silence, SILENCE_MILLIS);
  try {
    const response = await ask("stream", controller.signal);
    onOpen();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) {
        throw new Error("the server has ended the connection");
      }
      clearTimeout(timer);
      timer = setTimeout(silence, SILENCE_MILLIS);
      text += value;
      let end;
      while ((end = text.indexOf("\n\n")) >= 0) {
        const data = text.slice(0, end).split("\n").filter((line) => line.startsWith("data: "));
        text = text.slice(end + 2);
        if (data.length > 0) {
          onMessage(JSON.parse(data.map((line) => line.slice(6)).join("\n")));
        }
      }
    }
  } finally {
    clearTimeout(timer);
  }
}
