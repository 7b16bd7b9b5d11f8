// What stands for somebody without a photo.

/** One or two letters of a name: "Anna Berg" is AB, "postmaster@example.test" is P. */
export function initials(name: string): string {
	const words = name.replace(/@.*/, "").replace(/["'()<>[\]]/g, " ").split(/[\s._-]+/u).filter((word) => /^[\p{L}\p{N}]/u.test(word));
	const first = words[0], last = words.length > 1 ? words.at(-1) : undefined;
	return [first, last].map((word) => (word ? [...word][0] : "")).join("").toLocaleUpperCase() || "?";
}

/** One of six colours, always the same for an address. */
export function hue(address: string): number {
	let sum = 0;
	for (const letter of address.toLowerCase()) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
	return sum % 6;
}
