/** The backup code, shown once. */
import { Title } from './parts.js';
import { isEnd, ShownCode } from './shown-code.js';
import { texts } from './texts.js';

const words = texts.backup.code;

export const BackupCodeShown = ({ code, done }: { code: string; done: () => void }) => (
  <ShownCode
    code={code}
    say={words}
    noted={async (typed) => {
      if (!isEnd(typed, code, 5)) return words.wrong;
      done();
      return undefined;
    }}
  >
    <Title>{words.show}</Title>
    <p>{words.none}</p>
  </ShownCode>
);
