/** Comma-separated values, RFC 4180: a program on the other side reads each cell as it was. */

/** A spreadsheet would take it for a formula, and boxes, owners and whoever pays write some of the cells. */
const formula = /^[=+\-@\t\r\n＝＋－＠]/;
const number = /^-?\d+(\.\d+)?$/;
/** Where a semicolon or a tab parts cells, as in much of Europe, one begins behind it whatever stands around. */
const within = /([;\t])(?=[=+\-@＝＋－＠])/g;

function cell(text: string): string {
  const plain = (formula.test(text) && !number.test(text) ? `'${text}` : text).replace(within, "$1'");
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** One line, without its end. */
export const csvLine = (cells: readonly string[]): string => cells.map(cell).join(',');
