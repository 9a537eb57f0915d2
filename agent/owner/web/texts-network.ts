/** Words about the network. */

const strength = (signal: number): string => (signal >= 60 ? 'strong' : signal >= 35 ? 'fair' : 'weak');

export const network = {
  link: 'The network of the box',
  title: {
    choose: 'Choose your Wi-Fi.',
    trying: (name: string) => `The box tries “${name}”.`,
    wired: 'Your box is connected by cable.',
    joined: (name: string) => `Your box is on the Wi-Fi “${name}”.`,
    away: (name: string) => `The Wi-Fi “${name}” is not there.`,
    none: 'Your box has no network.',
    noWifi: 'Your box has no Wi-Fi.',
  },
  lead: {
    choose: 'Your box has no network cable. Over your Wi-Fi it reaches the internet, and you reach the box.',
    wired: 'The cable goes before Wi-Fi: the Wi-Fi below is used when the cable is unplugged.',
    noWifi: 'It goes by its cable alone.',
  },
  known: 'Wi-Fi that the box joins by itself',
  nothingKnown: 'none',
  failed: (name: string) => `“${name}” did not work, and all is as it was before.`,
  list: 'Which Wi-Fi?',
  strength: (signal: number) => `Signal: ${strength(signal)}`,
  security: {
    open: 'No password: everybody near can read along',
    password: 'With a password',
    unsupported: 'Wants more than a password: the box cannot join it',
  },
  hidden: 'Another one, which does not show its name',
  hiddenName: 'Name of the Wi-Fi',
  hiddenHint: 'Exactly as it was set: capitals count.',
  password: 'Password of the Wi-Fi',
  passwordHint: 'It often stands on the router. Leave it empty for a Wi-Fi without a password.',
  noList: 'The box hears no Wi-Fi. Bring it closer to the router.',
  again: 'Look again',
  submit: 'Join this Wi-Fi',
  missing: 'Choose a Wi-Fi',
  nameMissing: 'Enter the name of the Wi-Fi',
  nameLong: 'The name of a Wi-Fi is shorter',
  passwordMissing: 'Enter the password of the Wi-Fi',
  change: 'Change the Wi-Fi',
  forget: 'Forget this Wi-Fi',
  next: {
    section: 'What happens then',
    leaves: (own: string) =>
      `The box leaves “${own}” to try your Wi-Fi. Your phone loses it, and this page stops: that is as it should be.`,
    back: (address: string) => `Connect your phone to your Wi-Fi again, and open ${address} there.`,
    failed: (own: string) =>
      `If it does not work, “${own}” comes back within two minutes. Join it again: this page then says why.`,
    tries:
      'The box tries it for a minute at most. If it does not work, all stays as it is now, and this page says why.',
    moves: (address: string) =>
      `If your phone is in another network then, connect it to the new Wi-Fi and open ${address} there.`,
  },
};
