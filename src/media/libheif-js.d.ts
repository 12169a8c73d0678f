/** The part of libheif-js (no types of its own at this path) that decode-heic.ts uses. */
declare module 'libheif-js/wasm-bundle.js' {
  interface HeifPlane {
    readonly id: unknown
    readonly stride: number
    readonly width: number
    readonly height: number
    /** A view of the WebAssembly heap, gone at the next call. */
    readonly data: Uint8Array
  }
  interface HeifDecoded {
    readonly image: unknown
    readonly channels: readonly HeifPlane[]
  }
  interface HeifError {
    readonly code: unknown
    readonly message?: string
  }
  interface HeifHandle {
    readonly handle: unknown
    get_width(): number
    get_height(): number
    is_primary(): boolean
    has_alpha_channel(): boolean
    free(): void
  }
  interface LibHeif {
    readonly HeifDecoder: new () => { decode(file: Uint8Array): readonly HeifHandle[] }
    readonly heif_colorspace: { readonly heif_colorspace_RGB: unknown }
    readonly heif_chroma: {
      readonly heif_chroma_interleaved_RGB: unknown
      readonly heif_chroma_interleaved_RGBA: unknown
    }
    readonly heif_channel: { readonly heif_channel_interleaved: unknown }
    heif_js_decode_image2(
      handle: unknown,
      colorspace: unknown,
      chroma: unknown,
    ): Promise<HeifDecoded | HeifError> | HeifDecoded | HeifError
    heif_image_release(image: unknown): void
  }
  const libheif: LibHeif
  export default libheif
}
