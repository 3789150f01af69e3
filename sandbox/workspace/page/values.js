// What stands in the inputs: what a person typed first, then what the workspace remembers, then the block's own start.

const INPUTS = new Set([
  "plain_text_input", "number_input", "email_text_input", "url_text_input", "static_select",
  "external_select", "users_select", "radio_buttons", "checkboxes", "datepicker", "timepicker",
]);

/** Says whether an element holds a value. */
export function holdsValue(element) {
  return INPUTS.has(element?.type);
}

/** Gives every element of a block that the page may have to draw, with where it stands. */
export function elementsOf(block) {
  if (block.type === "input") return [block.element];
  if (block.type === "section") return block.accessory ? [block.accessory] : [];
  if (block.type === "actions") return block.elements ?? [];
  return [];
}

/** Gives all options of a menu, groups flattened. */
export function optionsOf(element) {
  return element.options ?? (element.option_groups ?? []).flatMap((group) => group.options ?? []);
}

/** Translates a value object as Slack sends it to the raw value that the page holds. */
export function rawValue(type, value) {
  if (!value) return null;
  switch (type) {
    case "static_select":
    case "radio_buttons": return value.selected_option?.value ?? null;
    case "external_select": return value.selected_option ?? null;
    case "users_select": return value.selected_user ?? null;
    case "checkboxes": return (value.selected_options ?? []).map((option) => option.value);
    case "datepicker": return value.selected_date ?? null;
    case "timepicker": return value.selected_time ?? null;
    default: return value.value ?? null;
  }
}

function initialValue(element) {
  switch (element.type) {
    case "static_select":
    case "radio_buttons": return element.initial_option?.value ?? null;
    case "external_select": return element.initial_option ?? null;
    case "users_select": return element.initial_user ?? null;
    case "checkboxes": return (element.initial_options ?? []).map((option) => option.value);
    case "datepicker": return element.initial_date ?? null;
    case "timepicker": return element.initial_time ?? null;
    default: return element.initial_value ?? null;
  }
}

/** What people typed and chose, by person, container, block and action. */
export class Drafts {
  constructor() {
    this.kept = new Map();
  }

  key(place, block, element) {
    return JSON.stringify([place.owner, block.block_id, element.action_id]);
  }

  read(place, block, element) {
    const key = this.key(place, block, element);
    if (this.kept.has(key)) return this.kept.get(key);
    const known = place.values?.[block.block_id]?.[element.action_id];
    return known ? rawValue(element.type, known) : initialValue(element);
  }

  write(place, block, element, value) {
    this.kept.set(this.key(place, block, element), value);
  }

  /** Gives all values of a container as the door wants them: {block_id: {action_id: raw value}}. */
  all(place) {
    const state = {};
    for (const block of place.blocks) {
      for (const element of elementsOf(block)) {
        if (!holdsValue(element)) continue;
        const value = this.read(place, block, element);
        (state[block.block_id] ??= {})[element.action_id] = value === "" ? null : value;
      }
    }
    return state;
  }

  /** Forgets what stood in blocks that are no longer there: a new block_id starts anew. */
  forgetGone(place) {
    const live = new Set();
    for (const block of place.blocks) {
      for (const element of elementsOf(block)) if (element) live.add(this.key(place, block, element));
    }
    for (const key of this.kept.keys()) {
      if (JSON.parse(key)[0] === place.owner && !live.has(key)) this.kept.delete(key);
    }
  }
}

/** Gives the sentence for a value that cannot be sent as it stands, or null. */
export function complaint(block, element, value) {
  const isEmpty = value === null || value === "" || (Array.isArray(value) && value.length === 0);
  if (isEmpty) return block.optional ? null : "Please complete this required field.";
  if (element.type === "plain_text_input") {
    if (element.min_length && value.length < element.min_length) {
      return `Please enter at least ${element.min_length} characters.`;
    }
    if (element.max_length && value.length > element.max_length) {
      return `Please shorten this to ${element.max_length} characters.`;
    }
  }
  if (element.type === "number_input") return numberComplaint(element, value);
  if (element.type === "email_text_input" && !/^\S+@\S+\.\S+$/.test(value)) return "Please enter a valid email address.";
  if (element.type === "url_text_input" && !URL.canParse(value)) return "Please enter a valid URL.";
  return null;
}

function numberComplaint(element, value) {
  const pattern = element.is_decimal_allowed ? /^-?\d+([.]\d+)?$/ : /^-?\d+$/;
  if (!pattern.test(value.trim())) return "Please enter a valid number.";
  const number = Number(value);
  if (element.min_value !== undefined && number < Number(element.min_value)) {
    return `Please enter a number of at least ${element.min_value}.`;
  }
  if (element.max_value !== undefined && number > Number(element.max_value)) {
    return `Please enter a number of at most ${element.max_value}.`;
  }
  return null;
}
