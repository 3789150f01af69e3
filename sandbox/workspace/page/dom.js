// A very small virtual DOM: h() describes, patch() makes the page so and keeps nodes, focus and scroll.

/** Describes an element; falsy children are left out, arrays are flattened, text is only ever text. */
export function h(tag, props, ...children) {
  const kids = [];
  const add = (child) => {
    if (Array.isArray(child)) child.forEach(add);
    else if (child !== null && child !== undefined && child !== false && child !== true) {
      kids.push(typeof child === "object" ? child : { text: String(child) });
    }
  };
  children.forEach(add);
  return { tag, props: props ?? {}, key: props?.key, children: kids };
}

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "circle", "rect"]);
// Set as properties: what a person has changed lives in the property, not in the attribute.
const AS_PROPERTY = new Set(["value", "checked", "disabled", "selected", "readOnly"]);

/** Makes `parent` hold exactly `children`, reusing the nodes of the call before. */
export function patch(parent, children) {
  patchChildren(parent, parent.drawn ?? [], children);
  parent.drawn = children;
}

function patchChildren(parent, before, after) {
  const keyed = new Map();
  const loose = [];
  for (const old of before) {
    if (old.key === undefined) loose.push(old);
    else keyed.set(old.key, old);
  }
  const matches = after.map((next) => {
    if (next.key !== undefined) {
      const old = keyed.get(next.key);
      if (!old || old.tag !== next.tag) return null;
      keyed.delete(next.key);
      return old;
    }
    const at = loose.findIndex((old) => old.tag === next.tag);
    return at < 0 ? null : loose.splice(at, 1)[0];
  });
  // Removing first keeps the nodes that stay where they are: a moved node would lose its focus.
  for (const old of [...keyed.values(), ...loose]) old.node.remove();
  after.forEach((next, index) => {
    const old = matches[index];
    next.node = old ? update(old, next) : create(next);
    const here = parent.childNodes[index] ?? null;
    if (here !== next.node) parent.insertBefore(next.node, here);
    if (!old) next.props?.mounted?.(next.node);
    next.props?.drawn?.(next.node);
  });
}

function create(next) {
  if (next.text !== undefined) return document.createTextNode(next.text);
  const node = SVG_TAGS.has(next.tag)
    ? document.createElementNS(SVG, next.tag)
    : document.createElement(next.tag);
  patchChildren(node, [], next.children);
  // After the children, so that a select's value finds its options.
  for (const [name, value] of Object.entries(next.props)) set(node, name, value, undefined);
  return node;
}

function update(old, next) {
  const node = old.node;
  if (next.text !== undefined) {
    if (next.text !== old.text) node.data = next.text;
    return node;
  }
  patchChildren(node, old.children, next.children);
  for (const name of Object.keys(old.props)) {
    if (!(name in next.props)) set(node, name, undefined, old.props[name]);
  }
  for (const [name, value] of Object.entries(next.props)) set(node, name, value, old.props[name]);
  return node;
}

function set(node, name, value, before) {
  if (name === "key" || name === "mounted" || name === "drawn") return;
  if (name.startsWith("on")) {
    node[name] = value ?? null;
  } else if (AS_PROPERTY.has(name)) {
    const wanted = value ?? (name === "value" ? "" : false);
    if (node[name] !== wanted) node[name] = wanted;
  } else if (value !== before) {
    if (value === undefined || value === null || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
}

const PATHS = {
  hash: "M6 2 4.5 14M11.5 2 10 14M2.5 5.5h12M1.5 10.5h12",
  menu: "M2 4h12M2 8h12M2 12h12",
  close: "M4 4l8 8M12 4l-8 8",
  phone: "M3 2h3l1.2 3.2-1.6 1.2a8 8 0 0 0 4 4l1.2-1.6L14 10v3c0 .6-.4 1-1 1A11 11 0 0 1 2 3c0-.6.4-1 1-1z",
  down: "M4 6l4 4 4-4",
  send: "M2 8l12-6-4 12-3-5z",
  bin: "M3 4.5h10M6.5 4V2.5h3V4M4.5 4.5l.6 9h5.8l.6-9",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6",
  tick: "M3 8.5l3.2 3.2L13 4.8",
};

/** Draws one of the page's line icons; it never carries meaning alone. */
export function icon(name) {
  return h(
    "svg",
    { viewBox: "0 0 16 16", class: `icon icon-${name}`, "aria-hidden": "true" },
    h("path", { d: PATHS[name] }),
  );
}
