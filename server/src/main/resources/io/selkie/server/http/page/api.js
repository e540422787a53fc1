// Asks the server, and hears of what happens there.

let token = sessionStorage.getItem("token") ?? "";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function setToken(text) {
  token = text;
  sessionStorage.setItem("token", text);
}

function headers() {
  return token ? { Authorization: "Bearer " + token } : {};
}

async function ask(path, options = {}) {
  const response = await fetch("/api/v1/" + path, { headers: headers(), ...options });
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
  return (await ask(path)).json();
}

// Calls back with each message, until the connection ends; fetch instead of EventSource, which cannot
// send a token.
export async function listen(onOpen, onMessage) {
  const response = await ask("stream");
  onOpen();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) {
      return;
    }
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
}
