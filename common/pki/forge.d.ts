// node-forge's structure part by itself: the whole package would load ten megabytes of ciphers that nothing here uses.
declare module 'node-forge/lib/asn1.js' {
  import { asn1 } from 'node-forge';

  const structure: Omit<typeof asn1, 'fromDer'> & {
    fromDer(bytes: string, options: { decodeBitStrings: boolean }): asn1.Asn1;
  };
  export default structure;
}
