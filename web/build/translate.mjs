// Writes the texts of one language into a page.
//
//   <span data-t="key"></span>        the text goes inside
//   <input data-t-placeholder="key">  the text becomes the attribute `placeholder`
//   <option data-month="2"></option>  the name of the month goes inside
//
// The marks stay: the script uses them again when somebody chooses another language. A key without text is an error.

export function translated(html, language, messages) {
  const text = (key) => {
    if (typeof messages[key] !== 'string') throw new Error(`no text in "${language}" for "${key}"`);
    return messages[key];
  };
  if (Intl.DateTimeFormat.supportedLocalesOf(language).length === 0)
    throw new Error(`this Node.js does not know "${language}": it was built without its full ICU data`);
  const months = new Intl.DateTimeFormat(language, { month: 'long', timeZone: 'UTC' });
  return html
    .replace(/(\sdata-month="(\d+)"[^>]*>)(?=<)/g, (_, before, month) => before + months.format(Date.UTC(2024, month - 1, 15)))
    .replace(/<html lang="[^"]*"/, `<html lang="${language}"`)
    .replace(/(\sdata-t="([^"]+)"[^>]*>)(?=<)/g, (_, before, key) => before + escaped(text(key)))
    .replace(/\sdata-t-([a-z-]+)="([^"]+)"/g, (mark, name, key) => `${mark} ${name}="${escaped(text(key))}"`);
}

function escaped(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
