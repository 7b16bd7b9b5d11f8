// Where the administration begins: the page /admin.
import "../ui/tokens.css";
import "../ui/base.css";
import { mount } from "svelte";
import { addCatalogue, chooseLanguage, LANGUAGES, setLanguage } from "../base/i18n.svelte.ts";
import { recall, startTheme } from "../ui/theme.svelte.ts";
import Admin from "./Admin.svelte";
import { startRouter } from "./route.svelte.ts";
import { startSession } from "./session.svelte.ts";

addCatalogue({
	en: () => import("../../catalogues/admin/en.json"),
	pt: () => import("../../catalogues/admin/pt.json"),
	ru: () => import("../../catalogues/admin/ru.json"),
});

/** What was chosen on this device, or else what the browser is set to. */
function firstLanguage() {
	const kept = recall("language");
	return LANGUAGES.find((one) => one === kept) ?? chooseLanguage(navigator.languages);
}

const place = document.getElementById("app");
startTheme();
startRouter();
if (place) void Promise.all([setLanguage(firstLanguage()), startSession()]).then(() => mount(Admin, { target: place }));
