// Components' styles are in files of their own: the policy of the pages allows none that are inline.
export default { compilerOptions: { css: "external", runes: true } };
