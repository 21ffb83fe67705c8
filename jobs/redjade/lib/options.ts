/** The six options of an action. */

const DEFAULTS = {
  save_missing_categories: true,
  only_demographics: false,
  destroy_existing_demographics: false,
  destroy_unmatched_participants: false,
  skip_invalid: false,
  skip_duplicate_identity_matches: false,
};
export type OptionName = keyof typeof DEFAULTS;
export type Options = Record<OptionName, boolean>;

export const OPTION_NAMES = Object.keys(DEFAULTS) as OptionName[];

/** The options of a body, with the defaults of those that it does not name. */
export function optionsOf(given: { [name in OptionName]?: boolean | undefined }): Options {
  const options: Options = { ...DEFAULTS };
  for (const name of OPTION_NAMES) options[name] = given[name] ?? DEFAULTS[name];
  return options;
}
