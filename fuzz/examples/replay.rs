//! Runs targets over files, without libFuzzer: the whole corpus, that of some targets, or one input of one target
//! (`replay <target> <file>…`). An input that breaks an invariant ends it with a panic, behind the input's name.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use socketio_fuzz::TARGETS;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let name = arguments.next();
    let inputs: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    match replay(name.as_deref(), &inputs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn replay(name: Option<&str>, inputs: &[PathBuf]) -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let targets: Vec<_> = TARGETS.into_iter().filter(|(target, _)| name.is_none_or(|name| name == *target)).collect();
    if targets.is_empty() {
        return Err(io::Error::other(format!("no target is called {}", name.unwrap_or_default())));
    }
    for (target, run) in targets {
        let inputs = if inputs.is_empty() { files_in(&corpus.join(target))? } else { inputs.to_vec() };
        if inputs.is_empty() {
            return Err(io::Error::other(format!("{target} has an empty corpus")));
        }
        for input in &inputs {
            let named = Named(input);
            run(&fs::read(input)?);
            drop(named);
        }
        println!("{target}: {} inputs", inputs.len());
    }
    Ok(())
}

fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Says which input it was where something panics.
struct Named<'a>(&'a Path);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input: {}", self.0.display());
        }
    }
}
