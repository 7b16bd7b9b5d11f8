// Where the pages begin.
import { mount } from "svelte";
import App from "./App.svelte";
import { chooseLanguage, setLanguage } from "./base/i18n.svelte.ts";

const place = document.getElementById("app");
if (place) void setLanguage(chooseLanguage(navigator.languages)).then(() => mount(App, { target: place }));
