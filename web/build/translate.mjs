// Writes the texts of one language into a page.
//
//   <span data-t="key"></span>        the text goes inside
//   <input data-t-placeholder="key">  the text becomes the attribute `placeholder`
//
// The marks stay: the script uses them again when somebody chooses another language. A key without text is an error.

export function translated(html, language, messages) {
  const text = (key) => {
    if (typeof messages[key] !== 'string') throw new Error(`no text in "${language}" for "${key}"`);
    return messages[key];
  };
  return html
    .replace(/<html lang="[^"]*"/, `<html lang="${language}"`)
    .replace(/(\sdata-t="([^"]+)"[^>]*>)(?=<)/g, (_, before, key) => before + escaped(text(key)))
    .replace(/\sdata-t-([a-z-]+)="([^"]+)"/g, (mark, name, key) => `${mark} ${name}="${escaped(text(key))}"`);
}

function escaped(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
