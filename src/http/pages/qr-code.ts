/** An SVG of a QR code (ISO/IEC 18004), black on white with its quiet zone, so that any camera reads it in any theme. */
export async function qrCode(text: string): Promise<string> {
  // Loaded with the first: few processes ever draw one.
  const { default: drawer } = await import('qrcode')
  return drawer.toString(text, { type: 'svg', errorCorrectionLevel: 'M', margin: 3 })
}
