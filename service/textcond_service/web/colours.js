// Blue raises the score, red lowers it, green is near zero: as in the library's figures.
export const BLUE = [43, 95, 179], RED = [194, 59, 59], GREEN = [185, 223, 181], GREY = [119, 119, 119];
// ColorBrewer's Dark2, as the figures have the clusters.
export const CLUSTERS = [
  [27, 158, 119], [217, 95, 2], [117, 112, 179], [231, 41, 138],
  [102, 166, 30], [230, 171, 2], [166, 118, 29], [102, 102, 102],
];

export function css(colour, alpha = 1) {
  return `rgb(${colour.join(" ")} / ${alpha})`;
}

// A background on which text stays legible (contrast 4.5 or more) on light and dark paper.
export function tint(element, value, most) {
  if (!value || !most) return;
  const strength = Math.min(1, Math.abs(value) / most);
  element.style.backgroundColor = css(value > 0 ? BLUE : RED, 0.05 + 0.5 * strength);
}
