// Passwords for others: letters and digits that can't be mistaken for one another, 16 of them are 93 bits.
const ALPHABET = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", LENGTH = 16;

export function makePassword(random: (bytes: Uint8Array) => Uint8Array = (bytes) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>)): string {
	const limit = 256 - (256 % ALPHABET.length);
	let made = "";
	while (made.length < LENGTH)
		for (const byte of random(new Uint8Array(LENGTH))) if (byte < limit && made.length < LENGTH) made += ALPHABET[byte % ALPHABET.length];
	return made;
}
