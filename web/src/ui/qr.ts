// QR codes (ISO/IEC 18004): bytes, error correction M, versions 1 to 10, which are 213 bytes at most.

/** Of versions 1 to 10: error correction codewords of a block, and blocks as [how many, data codewords of each]. */
const BLOCKS: [number, [number, number][]][] = [
	[10, [[1, 16]]], [16, [[1, 28]]], [26, [[1, 44]]], [18, [[2, 32]]], [24, [[2, 43]]],
	[16, [[4, 27]]], [18, [[4, 31]]], [22, [[2, 38], [2, 39]]], [22, [[3, 36], [2, 37]]], [26, [[4, 43], [1, 44]]],
];
const ALIGNED: number[][] = [[], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];
type Grid = (boolean | null)[][]; // null: data goes here

const EXP: number[] = [], LOG: number[] = [];
for (let i = 0, x = 1; i < 255; i++) {
	EXP[i] = x;
	LOG[x] = i;
	x = x << 1 ^ (x & 0x80 ? 0x11d : 0);
}
function multiply(a: number, b: number): number {
	return a && b ? EXP[(LOG[a]! + LOG[b]!) % 255]! : 0;
}

/** The Reed-Solomon remainder of data. */
function correction(data: number[], count: number): number[] {
	let generator = [1];
	for (let i = 0; i < count; i++) {
		const next = [...generator, 0];
		generator.forEach((value, at) => (next[at + 1] = next[at + 1]! ^ multiply(value, EXP[i]!)));
		generator = next;
	}
	const rest = [...data, ...Array<number>(count).fill(0)];
	for (let i = 0; i < data.length; i++) {
		const factor = rest[i]!;
		generator.forEach((value, at) => (rest[i + at] = rest[i + at]! ^ multiply(value, factor)));
	}
	return rest.slice(data.length);
}

/** The version's codewords in the order in which they are put in; null: it doesn't fit. */
function codewords(bytes: Uint8Array, version: number): number[] | null {
	const [corrected, kinds] = BLOCKS[version - 1]!;
	const room = kinds.reduce((sum, [count, size]) => sum + count * size, 0);
	const bits: number[] = [];
	const put = (value: number, length: number) => {
		for (let i = length - 1; i >= 0; i--) bits.push(value >> i & 1);
	};
	put(4, 4);
	put(bytes.length, version < 10 ? 8 : 16);
	bytes.forEach((byte) => put(byte, 8));
	if (bits.length > room * 8) return null;
	put(0, Math.min(4, room * 8 - bits.length));
	while (bits.length % 8) bits.push(0);
	const data = Array.from({ length: bits.length / 8 }, (_, i) => bits.slice(i * 8, i * 8 + 8).reduce((sum, bit) => sum << 1 | bit, 0));
	for (let pad = 0xec; data.length < room; pad ^= 0xec ^ 0x11) data.push(pad);

	const blocks: number[][] = [];
	let at = 0;
	for (const [count, size] of kinds) for (let i = 0; i < count; i++) blocks.push(data.slice(at, (at += size)));
	const corrections = blocks.map((block) => correction(block, corrected));
	const interleave = (all: number[][]) => Array.from({ length: Math.max(...all.map((one) => one.length)) }, (_, i) => all.flatMap((one) => (i < one.length ? [one[i]!] : []))).flat();
	return [...interleave(blocks), ...interleave(corrections)];
}

function finder(grid: Grid, row: number, column: number): void {
	for (let y = -1; y <= 7; y++)
		for (let x = -1; x <= 7; x++) {
			if (grid[row + y]?.[column + x] === undefined) continue;
			const ring = Math.max(Math.abs(y - 3), Math.abs(x - 3));
			grid[row + y]![column + x] = ring !== 2 && ring !== 4;
		}
}

/** All that isn't data: finders, timing, alignment, and room for what is said of the format. */
function frame(version: number): Grid {
	const size = version * 4 + 17;
	const grid: Grid = Array.from({ length: size }, () => Array<boolean | null>(size).fill(null));
	finder(grid, 0, 0);
	finder(grid, 0, size - 7);
	finder(grid, size - 7, 0);
	const places = ALIGNED[version - 1]!;
	for (const row of places)
		for (const column of places) {
			if (grid[row]![column] !== null) continue;
			for (let y = -2; y <= 2; y++) for (let x = -2; x <= 2; x++) grid[row + y]![column + x] = Math.max(Math.abs(y), Math.abs(x)) !== 1;
		}
	for (let i = 8; i < size - 8; i++) grid[6]![i] = grid[i]![6] = i % 2 === 0;
	for (let i = 0; i < 9; i++) {
		grid[8]![i] ??= false;
		grid[i]![8] ??= false;
	}
	for (let i = size - 8; i < size; i++) grid[8]![i] = grid[i]![8] = false;
	grid[size - 8]![8] = true;
	if (version >= 7) {
		let rest = version << 12;
		for (let i = 17; i >= 12; i--) if (rest >> i & 1) rest ^= 0x1f25 << i - 12;
		const bits = version << 12 | rest;
		for (let i = 0; i < 18; i++) grid[Math.floor(i / 3)]![size - 11 + i % 3] = grid[size - 11 + i % 3]![Math.floor(i / 3)] = (bits >> i & 1) === 1;
	}
	return grid;
}

const MASKS: ((y: number, x: number) => boolean)[] = [
	(y, x) => (y + x) % 2 === 0, (y) => y % 2 === 0, (_, x) => x % 3 === 0, (y, x) => (y + x) % 3 === 0,
	(y, x) => (Math.floor(y / 2) + Math.floor(x / 3)) % 2 === 0, (y, x) => y * x % 2 + y * x % 3 === 0,
	(y, x) => (y * x % 2 + y * x % 3) % 2 === 0, (y, x) => ((y + x) % 2 + y * x % 3) % 2 === 0,
];

/** Puts data in, from the lower right corner upwards and back in columns of two. */
function fill(empty: Grid, words: number[], mask: number): boolean[][] {
	const size = empty.length, grid = empty.map((row) => [...row]);
	let bit = 0;
	for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
		if (right === 6) right--;
		for (let i = 0; i < size; i++)
			for (const x of [right, right - 1]) {
				const y = up ? size - 1 - i : i;
				if (empty[y]![x] !== null) continue;
				const value = ((words[bit >> 3] ?? 0) >> 7 - (bit & 7) & 1) === 1;
				grid[y]![x] = value !== MASKS[mask]!(y, x);
				bit++;
			}
	}
	let rest = mask << 10; // of level M, which is 00
	for (let i = 14; i >= 10; i--) if (rest >> i & 1) rest ^= 0x537 << i - 10;
	const format = (mask << 10 | rest) ^ 0x5412;
	for (let i = 0; i < 15; i++) {
		const value = (format >> i & 1) === 1;
		grid[i < 6 ? i : i < 8 ? i + 1 : size - 15 + i]![8] = value;
		grid[8]![i < 8 ? size - 1 - i : i === 8 ? 7 : 14 - i] = value;
	}
	return grid as boolean[][];
}

/** How hard it is to read: runs, squares, what looks like a finder, and more dark than light. */
function penalty(grid: boolean[][]): number {
	const size = grid.length, columns = grid.map((_, x) => grid.map((row) => row[x]!));
	let sum = 0, dark = 0;
	for (const line of [...grid, ...columns]) {
		const text = line.map((one) => (one ? "1" : "0")).join("");
		for (const run of text.match(/0{5,}|1{5,}/g) ?? []) sum += run.length - 2;
		for (let i = 0; i < size - 10; i++) if (/^(10111010000|00001011101)/.test(text.slice(i, i + 11))) sum += 40;
	}
	for (let y = 0; y < size; y++)
		for (let x = 0; x < size; x++) {
			const one = grid[y]![x]!;
			dark += one ? 1 : 0;
			if (y + 1 < size && x + 1 < size && grid[y]![x + 1] === one && grid[y + 1]![x] === one && grid[y + 1]![x + 1] === one) sum += 3;
		}
	return sum + Math.floor(Math.abs(dark * 20 / (size * size) - 10)) * 10;
}

/** The code of a text as rows of modules, true for dark; null if it is longer than 213 bytes of UTF-8. */
export function makeQr(text: string): boolean[][] | null {
	const bytes = new TextEncoder().encode(text);
	for (let version = 1; version <= BLOCKS.length; version++) {
		const words = codewords(bytes, version);
		if (!words) continue;
		const empty = frame(version);
		const all = MASKS.map((_, mask) => fill(empty, words, mask));
		return all.reduce((best, one) => (penalty(one) < penalty(best) ? one : best));
	}
	return null;
}

/** One path of all dark modules, each one unit wide. */
export function qrPath(code: boolean[][]): string {
	return code.map((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : "")).join("")).join("");
}
