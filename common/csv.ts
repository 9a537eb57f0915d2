/** Comma-separated values, RFC 4180: a program on the other side reads each cell as it was. */

/** A spreadsheet would take it for a formula, and boxes and owners write some of the cells. */
const formula = /^[=+\-@\t\r]/;
const number = /^-?\d+(\.\d+)?$/;

function cell(text: string): string {
  const plain = formula.test(text) && !number.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** One line, without its end. */
export const csvLine = (cells: readonly string[]): string => cells.map(cell).join(',');
