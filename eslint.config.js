import { readdirSync } from "node:fs";

const LAYERS = ["lib", "transport", "editor", "models", "views"];

/** A layer may import from those before it, never from those after it. @param {string} layer */
const layerRules = (layer) => ({
  files: [`frontend/${layer}/**/*.js`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: LAYERS.slice(LAYERS.indexOf(layer) + 1).map((above) => ({
          group: [`**/${above}/*`],
          message: `${layer} is below ${above}`,
        })),
      },
    ],
  },
});

export default [
  { ignores: ["target/**", "data/**", "frontend/vendor/preact.js", "frontend/vendor/editor.js", "frontend/vendor/diff.js"] },
  {
    files: ["**/*.js", "**/*.mjs"],
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      curly: ["error", "multi-line"],
      "default-case-last": "error",
      eqeqeq: "error",
      "no-cond-assign": "error",
      "no-const-assign": "error",
      "no-constant-condition": ["error", { checkLoops: false }],
      "no-dupe-keys": "error",
      "no-else-return": "error",
      "no-empty": "error",
      "no-eval": "error",
      "no-implicit-globals": "error",
      "no-implied-eval": "error",
      "no-self-compare": "error",
      "no-shadow": ["error", { builtinGlobals: false }],
      "no-unreachable": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-useless-return": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "require-atomic-updates": "off",
    },
  },
  ...LAYERS.filter((name) => readdirSync("frontend").includes(name)).map(layerRules),
];
