// Colours of letters: reading them, and turning a letter that was made for white paper into one for a dark page. What is
// written with becomes light, what is written on dark.

export interface Color {
	/** 0 to 255. */
	r: number;
	g: number;
	b: number;
	/** 0 to 1. */
	a: number;
}

/* CSS Color 4 §6.1: name and value, those that mail uses and the rest. */
const NAMES: Record<string, number> = Object.fromEntries(
	("aliceblue f0f8ff antiquewhite faebd7 aqua 00ffff aquamarine 7fffd4 azure f0ffff beige f5f5dc bisque ffe4c4 black 000000 blanchedalmond ffebcd blue 0000ff blueviolet 8a2be2 " +
	"brown a52a2a burlywood deb887 cadetblue 5f9ea0 chartreuse 7fff00 chocolate d2691e coral ff7f50 cornflowerblue 6495ed cornsilk fff8dc crimson dc143c cyan 00ffff darkblue 00008b " +
	"darkcyan 008b8b darkgoldenrod b8860b darkgray a9a9a9 darkgreen 006400 darkgrey a9a9a9 darkkhaki bdb76b darkmagenta 8b008b darkolivegreen 556b2f darkorange ff8c00 darkorchid 9932cc " +
	"darkred 8b0000 darksalmon e9967a darkseagreen 8fbc8f darkslateblue 483d8b darkslategray 2f4f4f darkslategrey 2f4f4f darkturquoise 00ced1 darkviolet 9400d3 deeppink ff1493 " +
	"deepskyblue 00bfff dimgray 696969 dimgrey 696969 dodgerblue 1e90ff firebrick b22222 floralwhite fffaf0 forestgreen 228b22 fuchsia ff00ff gainsboro dcdcdc ghostwhite f8f8ff " +
	"gold ffd700 goldenrod daa520 gray 808080 green 008000 greenyellow adff2f grey 808080 honeydew f0fff0 hotpink ff69b4 indianred cd5c5c indigo 4b0082 ivory fffff0 khaki f0e68c " +
	"lavender e6e6fa lavenderblush fff0f5 lawngreen 7cfc00 lemonchiffon fffacd lightblue add8e6 lightcoral f08080 lightcyan e0ffff lightgoldenrodyellow fafad2 lightgray d3d3d3 " +
	"lightgreen 90ee90 lightgrey d3d3d3 lightpink ffb6c1 lightsalmon ffa07a lightseagreen 20b2aa lightskyblue 87cefa lightslategray 778899 lightslategrey 778899 lightsteelblue b0c4de " +
	"lightyellow ffffe0 lime 00ff00 limegreen 32cd32 linen faf0e6 magenta ff00ff maroon 800000 mediumaquamarine 66cdaa mediumblue 0000cd mediumorchid ba55d3 mediumpurple 9370db " +
	"mediumseagreen 3cb371 mediumslateblue 7b68ee mediumspringgreen 00fa9a mediumturquoise 48d1cc mediumvioletred c71585 midnightblue 191970 mintcream f5fffa mistyrose ffe4e1 " +
	"moccasin ffe4b5 navajowhite ffdead navy 000080 oldlace fdf5e6 olive 808000 olivedrab 6b8e23 orange ffa500 orangered ff4500 orchid da70d6 palegoldenrod eee8aa palegreen 98fb98 " +
	"paleturquoise afeeee palevioletred db7093 papayawhip ffefd5 peachpuff ffdab9 peru cd853f pink ffc0cb plum dda0dd powderblue b0e0e6 purple 800080 rebeccapurple 663399 red ff0000 " +
	"rosybrown bc8f8f royalblue 4169e1 saddlebrown 8b4513 salmon fa8072 sandybrown f4a460 seagreen 2e8b57 seashell fff5ee sienna a0522d silver c0c0c0 skyblue 87ceeb slateblue 6a5acd " +
	"slategray 708090 slategrey 708090 snow fffafa springgreen 00ff7f steelblue 4682b4 tan d2b48c teal 008080 thistle d8bfd8 tomato ff6347 turquoise 40e0d0 violet ee82ee wheat f5deb3 " +
	"white ffffff whitesmoke f5f5f5 yellow ffff00 yellowgreen 9acd32 windowtext 000000 window ffffff buttontext 000000 buttonface f0f0f0 infobackground ffffe1 infotext 000000 " +
	"captiontext 000000 graytext 6d6d6d").split(" ").reduce<[string, number][]>((all, word, i, words) => (i % 2 ? all : [...all, [word, parseInt(words[i + 1] ?? "0", 16)]]), []),
);

const of = (n: number): Color => ({ r: (n >> 16) & 255, g: (n >> 8) & 255, b: n & 255, a: 1 });

function readHex(digits: string): Color | null {
	if (!/^(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i.test(digits)) return null;
	const long = digits.length <= 4 ? digits.replace(/./g, "$&$&") : digits;
	const color = of(parseInt(long.slice(0, 6), 16));
	return long.length === 8 ? { ...color, a: parseInt(long.slice(6), 16) / 255 } : color;
}

/** A name or "#…". Null: it is none, or says nothing by itself (inherit, currentcolor). */
export function readColor(text: string): Color | null {
	const low = text.trim().toLowerCase();
	if (low.startsWith("#")) return readHex(low.slice(1));
	if (low === "transparent") return { r: 0, g: 0, b: 0, a: 0 };
	return Object.hasOwn(NAMES, low) ? of(NAMES[low]!) : null;
}

/** As attributes of old HTML have it (bgcolor, font color): also without "#". */
export function readLegacyColor(text: string): Color | null {
	return readColor(text) ?? readHex(text.trim().slice(0, 6));
}

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

function channel(text: string): number {
	return text.endsWith("%") ? (parseFloat(text) / 100) * 255 : parseFloat(text);
}

function alpha(text: string | undefined): number {
	if (text === undefined) return 1;
	return clamp(text.endsWith("%") ? parseFloat(text) / 100 : parseFloat(text), 0, 1);
}

function fromHsl(h: number, s: number, l: number, a: number): Color {
	const part = (n: number) => {
		const k = (n + h / 30) % 12;
		return Math.round(255 * (l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
	};
	return { r: part(0), g: part(8), b: part(4), a };
}

/** rgb(), rgba(), hsl(), hsla(), by their arguments as text. Null: it isn't understood. */
export function readColorFunction(name: string, args: string): Color | null {
	const words = args.trim().split(/[\s,/]+/);
	if (words.length < 3 || words.length > 4 || !words.every((word) => /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?:%|deg|turn|rad|grad)?$/i.test(word))) return null;
	const [x, y, z, w] = words as [string, string, string, string?];
	if (/^rgba?$/i.test(name)) {
		const [r, g, b] = [x, y, z].map((one) => clamp(Math.round(channel(one)), 0, 255)) as [number, number, number];
		return { r, g, b, a: alpha(w) };
	}
	if (!/^hsla?$/i.test(name)) return null;
	const turns = /turn$/i.test(x) ? 360 : /grad$/i.test(x) ? 0.9 : /rad$/i.test(x) ? 180 / Math.PI : 1;
	const hue = (((parseFloat(x) * turns) % 360) + 360) % 360;
	return fromHsl(hue, clamp(parseFloat(y) / 100, 0, 1), clamp(parseFloat(z) / 100, 0, 1), alpha(w));
}

export function writeColor({ r, g, b, a }: Color): string {
	return a >= 1 ? "#" + [r, g, b].map((one) => Math.round(one).toString(16).padStart(2, "0")).join("") : `rgba(${Math.round(r)},${Math.round(g)},${Math.round(b)},${Math.round(a * 1000) / 1000})`;
}

// ---- Light and dark ----

const linear = (value: number) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const gamma = (value: number) => (value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055);

/* OKLab (Ottosson): lightness as people see it, and two axes of colour. */
function toLab({ r, g, b }: Color): [number, number, number] {
	const [x, y, z] = [r, g, b].map((one) => linear(one / 255)) as [number, number, number];
	const l = Math.cbrt(0.4122214708 * x + 0.5363325363 * y + 0.0514459929 * z);
	const m = Math.cbrt(0.2119034982 * x + 0.6806995451 * y + 0.1073969566 * z);
	const s = Math.cbrt(0.0883024619 * x + 0.2817188376 * y + 0.6299787005 * z);
	return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

function fromLab(light: number, a: number, b: number): [number, number, number] {
	const l = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3, m = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3, s = (light - 0.0894841775 * a - 1.291485548 * b) ** 3;
	return [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s, -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s];
}

/** How light a colour is to the eye, 0 to 1. */
export function lightness(color: Color): number {
	return toLab(color)[0];
}

/* On the dark page no ground is lighter than GROUND_MAX, and no ink darker than INK_MIN, so that any of the ones on any of the others can be read. Ground that was dark
 * before stays as it was, and so does light ink: they go together. */
const GROUND_MIN = 0.215, GROUND_MAX = 0.42, INK_MIN = 0.72, INK_MAX = 0.94;

export type Use = "ink" | "ground";

/** The colour's counterpart on a dark page: white paper becomes that page, black ink light, hues stay. */
export function darken(color: Color, use: Use): Color {
	const [seen, a, b] = toLab(color), light = clamp(seen, 0, 1);
	if (use === "ink" ? light >= INK_MIN : light <= GROUND_MAX) return color;
	const turned = use === "ink" ? INK_MAX - (light / INK_MIN) * (INK_MAX - INK_MIN) : GROUND_MIN + ((1 - light) / (1 - GROUND_MAX)) * (GROUND_MAX - GROUND_MIN);
	for (let part = 0.9; ; part -= 0.1) { // less and less colourful, until a screen can show it
		const [x, y, z] = fromLab(turned, a * Math.max(part, 0), b * Math.max(part, 0));
		if (part <= 0 || [x, y, z].every((one) => one >= -0.001 && one <= 1.001)) {
			const [r, g, blue] = [x, y, z].map((one) => Math.round(255 * gamma(clamp(one, 0, 1)))) as [number, number, number];
			return { r, g, b: blue, a: color.a };
		}
	}
}

/** The contrast of two colours (WCAG 2): 1 to 21. */
export function contrast(one: Color, other: Color): number {
	const [x, y] = [one, other].map(({ r, g, b }) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255)) as [number, number];
	return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}
