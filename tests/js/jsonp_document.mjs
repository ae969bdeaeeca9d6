// As much of a browser's document as the JSONP transport of the old official clients needs: scripts that run when they have
// been fetched, and forms that are posted into a frame.
//
// Like a browser, it goes on with a script that was removed meanwhile, and writes line breaks in a form as CR LF.

/** An element that can hold others. */
class Element {
  style = {};
  parentNode = null;
  children = [];

  setAttribute() {}

  appendChild(child) {
    child.parentNode = this;
    this.children.push(child);
    if (child.tag === "script") run(child);
    return child;
  }

  removeChild(child) {
    child.parentNode = null;
    this.children = this.children.filter((other) => other !== child);
  }

  /** Of a form: posts its fields. */
  submit() {
    const [field] = this.children;
    const body = new URLSearchParams({ [field.name]: field.value.replace(/\r?\n/g, "\r\n") });
    const loaded = () => this.children.find((child) => child.tag === "iframe")?.onload?.();
    fetch(this.action, { method: this.method, body }).then((answer) => answer.text().then(loaded), loaded);
  }
}

async function run(script) {
  try {
    const answer = await fetch(script.src);
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const text = await answer.text();
    (0, eval)(text);
  } catch (error) {
    script.onerror?.(error);
  }
}

/** Puts it where the client looks for it. */
export function installDocument() {
  globalThis.document = {
    head: new Element(),
    body: new Element(),
    getElementsByTagName: () => [],
    createElement(tag) {
      if (tag.includes("<")) throw new Error("only Internet Explorer takes markup here");
      return Object.assign(new Element(), { tag });
    },
  };
}
