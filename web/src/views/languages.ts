import type { Language } from "../base/i18n.svelte.ts";

/** As those who speak them call them. */
export const LANGUAGE_NAMES: Record<Language, string> = { en: "English", pt: "Português", ru: "Русский" };
