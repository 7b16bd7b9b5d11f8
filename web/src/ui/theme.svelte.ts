// Light or dark, wide or narrow rows: what a person has chosen, or the device. Kept on the device, too, so that the sign-in page has it.

export type Theme = "system" | "light" | "dark";
export type Density = "comfortable" | "compact";

const THEME_KEY = "theme", DENSITY_KEY = "density";
let theme = $state<Theme>("system");
let isDark = $state(false);
let density = $state<Density>("comfortable");

/** The theme that was chosen. */
export function chosenTheme(): Theme {
	return theme;
}
/** Is what is shown dark? */
export function shownDark(): boolean {
	return isDark;
}
export function chosenDensity(): Density {
	return density;
}

function dark(): MediaQueryList {
	return matchMedia("(prefers-color-scheme: dark)");
}
function apply() {
	isDark = theme === "system" ? dark().matches : theme === "dark";
	document.documentElement.dataset.theme = isDark ? "dark" : "light";
	document.documentElement.dataset.density = density;
}

export function setTheme(wanted: Theme): void {
	theme = wanted;
	remember(THEME_KEY, wanted);
	apply();
}
export function setDensity(wanted: Density): void {
	density = wanted;
	remember(DENSITY_KEY, wanted);
	apply();
}

/** What this device remembers between visits; nothing where the browser keeps nothing. */
export function recall(key: string): string | null {
	try {
		return localStorage.getItem(key);
	} catch {
		return null;
	}
}
export function remember(key: string, value: string | null): void {
	try {
		if (value === null) localStorage.removeItem(key);
		else localStorage.setItem(key, value);
	} catch {
		// Only this visit, then.
	}
}

/** At the beginning: what was chosen last time; follows the device as long as that is chosen. */
export function startTheme(): void {
	const kept = recall(THEME_KEY);
	theme = kept === "light" || kept === "dark" ? kept : "system";
	density = recall(DENSITY_KEY) === "compact" ? "compact" : "comfortable";
	dark().addEventListener("change", apply);
	apply();
}
