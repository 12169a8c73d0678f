import QRCode from 'qrcode'

/** An SVG of a QR code (ISO/IEC 18004), black on white with its quiet zone, so that any camera reads it in any theme. */
export const qrCode = (text: string): Promise<string> =>
  QRCode.toString(text, { type: 'svg', errorCorrectionLevel: 'M', margin: 3 })
