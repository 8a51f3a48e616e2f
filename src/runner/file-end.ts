/** At most so many bytes, the last ones of the file. */
export async function readEnd(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  await file.seek(Math.max(0, size - maxBytes), Deno.SeekMode.Start);
  return new Uint8Array(await new Response(file.readable).arrayBuffer());
}
