//! What every server of the benchmark shares: its address on the first line of its output, its end with its input.

use tokio::net::TcpListener;

/// Listens on a free port, tells the command which, and ends the process when the command is gone.
///
/// # Errors
/// When there is no port.
pub async fn listen() -> std::io::Result<TcpListener> {
    let listener = tokio::net::TcpSocket::new_v4()?;
    listener.bind(([127, 0, 0, 1], 0).into())?;
    let listener = listener.listen(4096)?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    Ok(listener)
}
