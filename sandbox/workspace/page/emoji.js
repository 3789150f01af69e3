// The shortcodes that an app of this kind writes; any other stays as it was typed, as in Slack.
const EMOJI = {
  "+1": "👍", thumbsup: "👍", "-1": "👎", wave: "👋", tada: "🎉", eyes: "👀", pray: "🙏", clap: "👏",
  smile: "😄", slightly_smiling_face: "🙂", thinking_face: "🤔", white_check_mark: "✅",
  heavy_check_mark: "✔️", ballot_box_with_check: "☑️", x: "❌", no_entry: "⛔", no_entry_sign: "🚫",
  warning: "⚠️", rotating_light: "🚨", information_source: "ℹ️", question: "❓", exclamation: "❗",
  bulb: "💡", memo: "📝", pencil2: "✏️", clipboard: "📋", calendar: "📆", date: "📅", bell: "🔔",
  telephone: "☎️", phone: "☎️", telephone_receiver: "📞", iphone: "📱", call_me_hand: "🤙",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️", timer_clock: "⏲️", clock1: "🕐",
  alarm_clock: "⏰", arrows_counterclockwise: "🔄", leftwards_arrow_with_hook: "↩️",
  arrow_right: "➡️", arrow_left: "⬅️", arrow_up: "⬆️", arrow_down: "⬇️", link: "🔗", lock: "🔒",
  unlock: "🔓", key: "🔑", mag: "🔍", gear: "⚙️", wrench: "🔧", hammer_and_wrench: "🛠️", zap: "⚡",
  sparkles: "✨", rocket: "🚀", fire: "🔥", star: "⭐", heart: "❤️", wastebasket: "🗑️", inbox_tray: "📥",
  outbox_tray: "📤", package: "📦", bar_chart: "📊", chart_with_upwards_trend: "📈", briefcase: "💼",
  office: "🏢", busts_in_silhouette: "👥", bust_in_silhouette: "👤", speech_balloon: "💬", sos: "🆘",
  large_green_circle: "🟢", large_yellow_circle: "🟡", large_orange_circle: "🟠", red_circle: "🔴",
  large_blue_circle: "🔵", white_circle: "⚪", black_circle: "⚫", electric_plug: "🔌", coffee: "☕",
  dollar: "💵", moneybag: "💰", receipt: "🧾", bookmark: "🔖", label: "🏷️", pushpin: "📌",
};

/** Gives the character of a shortcode, or null when the page does not know it. */
export function emojiOf(name) {
  return Object.hasOwn(EMOJI, name) ? EMOJI[name] : null;
}
