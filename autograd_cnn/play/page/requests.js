// What is asked of the server, and the arrays in its answers.

export class Refused extends Error {}

const TYPES = { float32: Float32Array, uint8: Uint8Array };

// An array as the server sends it becomes { shape, values, sent }; `sent` is what to send back.
function revive(_, value) {
  const Type = value && typeof value === "object" && TYPES[value.dtype];
  if (!Type || typeof value.data !== "string") return value;
  const bytes = Uint8Array.from(atob(value.data), (letter) => letter.charCodeAt(0));
  return { shape: value.shape, values: new Type(bytes.buffer), sent: value };
}

async function request(name, options) {
  let response;
  try {
    response = await fetch(`/api/${name}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server does not answer. Is autograd-cnn play still running?");
  }
  if (!response.ok) {
    const found = await response.json().catch(() => ({}));
    throw new Refused(found.error || `The server answered ${response.status}.`);
  }
  return response;
}

const posting = (content, signal) => ({ method: "POST", body: JSON.stringify(content), signal });

export async function about() {
  return JSON.parse(await (await request("model")).text(), revive);
}

export async function ask(name, content = {}) {
  return JSON.parse(await (await request(name, posting(content))).text(), revive);
}

// A picture is an image file: a Blob, or its bytes.
export async function askAboutPicture(file) {
  return JSON.parse(await (await request("picture", { method: "POST", body: file })).text(), revive);
}

// What the server answers step by step, one line of JSON each.
export async function* follow(name, content, signal) {
  const response = await request(name, posting(content, signal));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const step = JSON.parse(line, revive);
      if (step.error) throw new Refused(step.error);
      yield step;
    }
  }
}
